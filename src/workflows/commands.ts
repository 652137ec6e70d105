import type { AppliedCommand, CancelAnswer, CancelCommand, MoveAnswer, TooLate } from '../commands';
import type { LedgerActivities } from '../contract';
import type { Decision } from '../decision';
import { rfc3339 } from '../due-time';
import type { DatedMove } from './incoming';
import type { Standing } from './standing';

// Carried through every continue-as-new, so bounded: at about 150 bytes each this is 15 KB of the 2 MB a start may have.
// Past the bound the ledger's unique command id still refuses the repeat of a command that won.
const REMEMBERED_COMMANDS = 100;

const tooLate = ({ outcome, decidedAt }: Decision): TooLate => ({
  result: 'tooLate',
  outcome,
  firedAt: rfc3339(decidedAt),
});

/**
 * Applies commands one after the other, in the order of their arrival, each once.
 * The ledger decides every one: nothing is answered before the cycle's row is there. A command that finds its cycle
 * fired, with a next one to come, is about the message and so goes on to that next cycle.
 */
export function takeCommands(
  standing: Standing,
  ledger: Pick<LedgerActivities, 'cancel' | 'move'>,
  before: AppliedCommand[],
) {
  const answers = new Map<string, AppliedCommand['answer'] | Promise<AppliedCommand['answer']>>(
    before.map(({ commandId, answer }) => [commandId, answer]),
  );
  let line: Promise<unknown> = Promise.resolve();
  let atWork = 0;

  async function once<Answer extends AppliedCommand['answer']>(commandId: string, apply: () => Promise<Answer>) {
    const known = answers.get(commandId);
    if (known) return (await known) as Answer;
    const turn = line.then(apply);
    // Only the order hangs on `line`; the failure itself goes to whoever sent the command.
    line = turn.catch(() => undefined);
    answers.set(commandId, turn);
    atWork += 1;
    try {
      const answer = await turn;
      answers.set(commandId, answer);
      standing.answered({ commandId, answer });
      return answer;
    } finally {
      atWork -= 1;
    }
  }

  async function cancel(command: CancelCommand): Promise<CancelAnswer> {
    for (;;) {
      const ended = standing.ended();
      if (ended) return ended.outcome === 'cancelled' ? { result: 'cancelled' } : tooLate(ended);
      const decision = await ledger.cancel({ message: standing.message(), command });
      standing.obey(decision);
      if (decision.commandId === command.commandId) return { result: 'cancelled' };
    }
  }

  async function move(command: DatedMove): Promise<MoveAnswer> {
    for (;;) {
      const ended = standing.ended();
      if (ended) return tooLate(ended);
      const message = standing.message();
      const { cycle, expectedCycle } = command;
      const reached = cycle !== undefined && cycle <= message.cycle;
      if (reached || (expectedCycle !== undefined && expectedCycle !== message.cycle)) {
        return { result: 'stale', cycle: message.cycle };
      }
      const decision = await ledger.move({ message, command });
      standing.obey(decision);
      if (decision.commandId === command.commandId && decision.next) {
        return { result: 'moved', dueAt: rfc3339(decision.next.dueAt), cycle: decision.next.cycle };
      }
    }
  }

  return {
    cancel: (command: CancelCommand) => once(command.commandId, () => cancel(command)),
    move: (command: DatedMove) => once(command.commandId, () => move(command)),
    idle: () => atWork === 0,
    /** What the next run has to remember. Call it when idle: an unanswered command is left out. */
    applied: (): AppliedCommand[] =>
      [...answers]
        .flatMap(([commandId, answer]) => (answer instanceof Promise ? [] : [{ commandId, answer }]))
        .slice(-REMEMBERED_COMMANDS),
  };
}
