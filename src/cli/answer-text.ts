import type { CancelAnswer, MoveAnswer } from '../message/commands';
import type { NotFound, Requested } from '../producing/send';
import type { ExitCode } from './exit';

type CommandAnswer = CancelAnswer | MoveAnswer | Requested | NotFound;

/** A command's answer as text for people. If the answer is no, the text says what to do. */
export function answerText(answer: CommandAnswer): string {
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

/** 0 if the command had the effect that was asked for, else 1. */
export const exitCodeOf = ({ result }: CommandAnswer): ExitCode => EXIT_CODES[result];
