import type { Landed } from './commands';
import type { ScheduledMessage } from './contract';
import { type Decision, LANDED_OUTCOMES } from './decision';
import { recordOf, withoutNulls } from './decoding';
import { isFetched } from './wake';

// Of the database, whose clock has let it land, and of Temporal. `postdate doctor` warns of more. Where they differ by more, the run
// asks the ledger: that costs an activity, and nothing else.
const CLOCKS_DIFFER_MS = 1_000;
// Far longer than any that is meant, and far from what a run's result may have.
const MAX_REASON = 10_000;

/**
 * The ledger's decision on a message's present cycle that a wake carries, whatever was sent; undefined if it carries none that could
 * be true at `nowMs`: then the run asks the ledger, as after any other wake. Only a landing can be told, as it comes at the due time;
 * a cancel, a move and a next cycle change what is to come, so the run asks for them.
 */
export function decisionIn(sent: unknown, message: ScheduledMessage, nowMs: number): Decision | undefined {
  const { decision, dueAt, postId } = withoutNulls(recordOf(sent) ?? {}) as Partial<Record<keyof Landed, unknown>>;
  const fields = recordOf(decision);
  const isOfThisPost = dueAt === message.dueAt && postId === message.postId;
  if (!fields || !isOfThisPost || !isFetched(message)) return undefined;
  const { cycle, outcome, decidedAt, reason, commandId, next } = withoutNulls(fields);
  const latest = nowMs + CLOCKS_DIFFER_MS;
  const couldBeTrue =
    cycle === message.cycle &&
    LANDED_OUTCOMES.some((one) => one === outcome) &&
    Number.isSafeInteger(decidedAt) &&
    message.dueAt <= (decidedAt as number) &&
    (decidedAt as number) <= latest &&
    (reason === undefined || (typeof reason === 'string' && reason.length <= MAX_REASON)) &&
    commandId === undefined &&
    next === undefined;
  return couldBeTrue ? ({ cycle, outcome, decidedAt, reason } as Decision) : undefined;
}
