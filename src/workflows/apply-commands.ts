import type { AppliedCommand, CancelAnswer, CancelCommand, MoveAnswer, TooLate } from '../message/commands';
import type { LedgerActivities } from '../message/contract';
import type { Decision } from '../message/decision';
import { rfc3339 } from '../message/due-time';
import { invalid } from '../message/invalid-failure';
import type { MessageState } from './message-state';
import type { DatedMove } from './parse-command';
import { refusalIn } from './refusal-in';

// Carried through every continue-as-new, so bounded. At about 150 bytes each, these are 15 KB of the 2 MB that a start
// may have. Beyond the bound, the ledger's unique command id still refuses the repeat of a command that won.
const REMEMBERED_COMMANDS = 100;

const tooLate = ({ outcome, decidedAt }: Decision): TooLate => ({
  result: 'tooLate',
  outcome,
  firedAt: rfc3339(decidedAt),
});

/** The sender gets the refusal itself, whichever activity has found it. */
function throwRefusal(error: unknown): never {
  const refusal = refusalIn(error);
  throw refusal ? invalid(refusal) : error;
}

/**
 * Applies commands one after the other, in the order of their arrival, each once. The ledger decides each command: no
 * answer is given before the cycle's row exists. If the command's cycle has fired and a next one follows, the command
 * goes on to that cycle, because it is about the message.
 */
export function createCommandRunner(
  state: MessageState,
  ledger: Pick<LedgerActivities, 'cancel' | 'move'>,
  before: AppliedCommand[],
) {
  const answers = new Map<string, AppliedCommand['answer'] | Promise<AppliedCommand['answer']>>(
    before.map(({ commandId, answer }) => [commandId, answer]),
  );
  let tail: Promise<unknown> = Promise.resolve();
  let running = 0;

  async function once<Answer extends AppliedCommand['answer']>(commandId: string, apply: () => Promise<Answer>) {
    const known = answers.get(commandId);
    if (known) return (await known) as Answer;
    const applied = tail.then(apply);
    // `tail` only keeps the order. The sender of the command gets the failure.
    tail = applied.catch(() => undefined);
    answers.set(commandId, applied);
    running += 1;
    try {
      const answer = await applied;
      answers.set(commandId, answer);
      state.recordAnswered({ commandId, answer });
      return answer;
    } finally {
      running -= 1;
    }
  }

  async function cancel(command: CancelCommand): Promise<CancelAnswer> {
    for (;;) {
      const ended = state.ended();
      if (ended) return ended.outcome === 'cancelled' ? { result: 'cancelled' } : tooLate(ended);
      const decision = await ledger.cancel({ message: state.message(), command });
      state.applyDecision(decision);
      if (decision.commandId === command.commandId) return { result: 'cancelled' };
    }
  }

  async function move(command: DatedMove): Promise<MoveAnswer> {
    for (;;) {
      const ended = state.ended();
      if (ended) return tooLate(ended);
      const message = state.message();
      const { cycle, expectedCycle } = command;
      const reached = cycle !== undefined && cycle <= message.cycle;
      if (reached || (expectedCycle !== undefined && expectedCycle !== message.cycle)) {
        return { result: 'stale', cycle: message.cycle };
      }
      const decision = await ledger.move({ message, command }).catch(throwRefusal);
      state.applyDecision(decision);
      if (decision.commandId === command.commandId && decision.next) {
        return { result: 'moved', dueAt: rfc3339(decision.next.dueAt), cycle: decision.next.cycle };
      }
    }
  }

  return {
    cancel: (command: CancelCommand) => once(command.commandId, () => cancel(command)),
    move: (command: DatedMove) => once(command.commandId, () => move(command)),
    idle: () => running === 0,
    /** The commands that the next run must remember. Call it when idle: it leaves out unanswered commands. */
    applied: (): AppliedCommand[] =>
      [...answers]
        .flatMap(([commandId, answer]) => (answer instanceof Promise ? [] : [{ commandId, answer }]))
        .slice(-REMEMBERED_COMMANDS),
  };
}
