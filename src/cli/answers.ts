import type { CancelAnswer, MoveAnswer } from '../commands';
import type { NotFound, Requested } from '../send';
import type { ExitCode } from './exit';

type CommandAnswer = CancelAnswer | MoveAnswer | Requested | NotFound;

/** The answer to a command in words, with what to do where it is no. */
export function hintOf(answer: CommandAnswer): string {
  switch (answer.result) {
    case 'cancelled':
      return 'cancelled: it will not be delivered';
    case 'moved':
      return `moved  due ${answer.dueAt}, cycle ${answer.cycle}`;
    case 'stale':
      return `stale: it is in cycle ${answer.cycle} already; postdate show says how it came there`;
    case 'tooLate':
      return `tooLate: ${answer.outcome} at ${answer.firedAt}; postdate show has its story`;
    case 'requested':
      return `requested: no worker has answered; the next one obeys ${answer.commandId}. postdate doctor says what is missing`;
    case 'notFound':
      return 'notFound: Temporal knows no such message, or no longer; postdate show looks in the ledger as well';
  }
}

const EXIT_CODES = {
  cancelled: 0,
  moved: 0,
  stale: 1,
  tooLate: 1,
  requested: 1,
  notFound: 1,
} as const satisfies Record<CommandAnswer['result'], ExitCode>;

/** 0 when what was asked for is so. */
export const exitCodeOf = ({ result }: CommandAnswer): ExitCode => EXIT_CODES[result];
