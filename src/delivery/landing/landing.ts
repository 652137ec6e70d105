import type { Pool, PoolClient } from 'pg';
import type { Delivery } from '../../message/contract';
import type { Decision } from '../../message/decision';
import { inTransaction } from '../../platform/database/pool';
import type { Topic } from '../../topics/topic';
import { answersOneByOne, answersTogether, type Handled, type NotReached } from './answers';
import { HandlerTimeout } from './call-handler';
import { type Answer, type Claimed, claim, LOCK_TIMEOUT_MS, readUnclaimed, recordAnswers, unclaim } from './claims';
import { decideWithoutHandler } from './decide-without-handler';
import { type LandingLane, mustBeAt } from './lane-check';
import { withNextCycle } from './next-cycle';
import { emitOutcomeEvents } from './outcome-events';

/** What became of one delivery: decided, by this landing or `before` it; not due yet; not reached in time; or to be tried again. */
export type Landing = { decision: Decision; before?: true } | { notDueForMs: number } | NotReached | { error: unknown };

// A decision is of the landing's end. Its row says so already if the landing has taken no longer than this for each of its
// messages: 250 ms for five hundred. To write all rows again costs some 0.2 ms each: at a lower limit bursts took twice as long.
const QUICK_MS_PER_MESSAGE = 0.5;

/**
 * Lands deliveries of one topic in one transaction: ledger rows, effects and events commit together or not at all. Returns
 * what became of each, in their order. The second landing of a cycle changes nothing and answers what the first one decided. A
 * message is left undecided, without its effects, if its handler throws or its group's time is over. Throws when the group fails as a whole; then
 * nothing is left of it. A topic's set-based handler is used unless the deliveries are to be handled `oneByOne`. In a `lane`
 * other than stable nothing lands once its rules have changed: throws a `LaneChanged`.
 */
export async function land(
  pool: Pool,
  topic: Topic,
  deliveries: Delivery[],
  { signal, oneByOne = false, lane }: { signal?: AbortSignal; oneByOne?: boolean; lane?: LandingLane } = {},
): Promise<Landing[]> {
  const hanging = new AbortController();
  const broken = signal ? AbortSignal.any([signal, hanging.signal]) : hanging.signal;
  const landing = async (tx: PoolClient): Promise<Landing[]> => {
    if (lane) await mustBeAt(tx, topic.name, lane);
    const startedAt = performance.now();
    const claimed = await claim(tx, topic.name, deliveries, lane?.name);
    const mine = new Set(claimed.map(({ delivery }) => delivery));
    const unclaimed = deliveries.filter((delivery) => !mine.has(delivery));
    const results = new Map<Delivery, Landing>(await readUnclaimed(tx, topic.name, unclaimed));
    const handled = await handle(tx, topic, claimed, { oneByOne, lane }).catch((error) => {
      // A handler that hangs may still use the connection. It is broken now, instead of being asked to roll back.
      if (error instanceof HandlerTimeout) hanging.abort();
      throw error;
    });
    const endedAt = await writeDown(tx, topic, { handled, startedAt });
    for (const one of claimed) {
      const { delivery } = one;
      results.set(delivery, resultOf(one, handled.get(delivery) as Handled, endedAt.get(delivery)));
    }
    return deliveries.map((delivery) => results.get(delivery) as Landing);
  };
  return inTransaction(pool, landing, { signal: broken, lockTimeoutMs: LOCK_TIMEOUT_MS, isLent: true });
}

/** What becomes of each claimed delivery: decided without its handler, or as that answers; and with its next cycle. */
async function handle(
  tx: PoolClient,
  topic: Topic,
  claimed: Claimed[],
  { oneByOne, lane }: { oneByOne: boolean; lane?: LandingLane },
): Promise<Map<Delivery, Handled>> {
  const decided = await decideWithoutHandler(tx, topic, claimed);
  const open = claimed.map(({ delivery }) => delivery).filter((delivery) => !decided.has(delivery));
  const together = topic.landAll !== undefined && open.length > 0 && !oneByOne;
  const answered = await (together ? answersTogether : answersOneByOne)(tx, topic, open);
  const handledOf = (one: Claimed): Handled => {
    const handled = decided.get(one.delivery) ?? asOfLane(answered.get(one.delivery) as Handled, lane);
    return 'answer' in handled ? { answer: withNextCycle(handled.answer, one) } : handled;
  };
  return new Map(claimed.map((one) => [one.delivery, handledOf(one)]));
}

/** A lane on trial ends no message as failed: stable's handler says whether it has failed. */
const asOfLane = (handled: Handled, lane?: LandingLane): Handled =>
  lane && 'answer' in handled && handled.answer.outcome === 'failed'
    ? { error: new Error(handled.answer.reason) }
    : handled;

/**
 * Writes the answers into the claimed rows, which say "delivered" at their claim so far, with the instant of this last
 * statement. Claims of messages without an answer are taken back. Returns that instant, in epoch ms, for each row that was
 * written again.
 */
async function writeDown(
  tx: PoolClient,
  topic: Topic,
  { handled, startedAt }: { handled: Map<Delivery, Handled>; startedAt: number },
): Promise<Map<Delivery, number>> {
  const undecided: Delivery[] = [];
  const answered: { delivery: Delivery; answer: Answer }[] = [];
  for (const [delivery, one] of handled) {
    if ('answer' in one) answered.push({ delivery, answer: one.answer });
    else undecided.push(delivery);
  }
  if (undecided.length > 0) await unclaim(tx, topic.name, undecided);
  await emitOutcomeEvents(tx, handled);
  const tookLong = performance.now() - startedAt > answered.length * QUICK_MS_PER_MESSAGE;
  const again = answered.filter(({ answer }) => tookLong || answer.outcome !== 'delivered' || answer.next);
  if (again.length === 0) return new Map();
  const endedAt = await recordAnswers(tx, topic.name, again);
  return new Map(again.map(({ delivery }) => [delivery, endedAt]));
}

function resultOf({ delivery, claimedAt }: Claimed, handled: Handled, endedAt?: number): Landing {
  if (!('answer' in handled)) return handled;
  const { outcome, next, reason } = handled.answer;
  return { decision: { cycle: delivery.message.cycle, outcome, decidedAt: endedAt ?? claimedAt, next, reason } };
}
