import type { Pool, PoolClient } from 'pg';
import type { Delivery } from '../contract';
import { inTransaction } from '../database';
import type { Decision } from '../decision';
import type { Topic } from '../topic';
import { answersOneByOne, answersTogether, type Handled, HandlerTimeout } from './answers';
import { claim, readUnclaimed, recordAnswers, unclaim } from './claims';
import { type Claimed, decideWithoutHandler } from './decide-without-handler';
import { type LandingLane, mustBeAt } from './lane';
import { withNextCycle } from './next-cycle';
import { emitOutcomeEvents } from './outcome-events';

/** What became of one delivery: decided, by this landing or `before` it; not due yet; or to be tried again. */
export type Landing = { decision: Decision; before?: true } | { notDueForMs: number } | { error: unknown };

// A row that somebody keeps locked must cost its group a moment, and then only its own message the wait.
const LOCK_TIMEOUT_MS = 500;

/**
 * Lands deliveries of one topic in one transaction: ledger rows, effects and events commit together or not at all.
 * The second landing of a cycle changes nothing and answers what the first one decided. A message whose handler throws
 * is left undecided, with nothing of it in place. Throws when the group fails as a whole, with nothing left behind.
 * A topic's set-based handler is used unless they are to be handled `oneByOne`. In a `lane` other than stable nothing lands
 * once its rules have changed: throws a `LaneChanged`.
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
    const claims = await claim(tx, topic.name, deliveries, lane?.name);
    const claimed = deliveries.flatMap((delivery, place) => {
      const decidedAt = claims.get(place);
      return decidedAt === undefined ? [] : [{ delivery, decidedAt }];
    });
    const others = deliveries.filter((_, place) => !claims.has(place));
    const found = others.length > 0 ? await readUnclaimed(tx, topic.name, others) : [];
    const handled = await answer(tx, topic, claimed, { oneByOne, lane }).catch((error) => {
      // Whatever hangs may still use the connection: it is broken now, instead of being asked to roll back.
      if (error instanceof HandlerTimeout) hanging.abort();
      throw error;
    });
    await writeDown(tx, topic, claimed, handled);
    await emitOutcomeEvents(tx, claimed, handled);
    const results = handled.map((one, index) => resultOf(one, claimed[index] as Claimed));
    return deliveries.map((_, place) => (claims.has(place) ? results.shift() : found.shift()) as Landing);
  };
  return inTransaction(pool, landing, { signal: broken, lockTimeoutMs: LOCK_TIMEOUT_MS });
}

/** What becomes of each claimed delivery, in their order: foregone, or as its handler answers, and with its next cycle. */
async function answer(
  tx: PoolClient,
  topic: Topic,
  claimed: Claimed[],
  { oneByOne, lane }: { oneByOne: boolean; lane?: LandingLane },
): Promise<Handled[]> {
  const decided = await decideWithoutHandler(tx, topic, claimed);
  const open = claimed.filter((_, place) => !decided.has(place)).map(({ delivery }) => delivery);
  const together = topic.landAll !== undefined && open.length > 0 && !oneByOne;
  const answered = await (together ? answersTogether : answersOneByOne)(tx, topic, open);
  return claimed.map((one, place) => {
    const known = decided.get(place);
    const handled = known ? { answer: known } : asOfLane(answered.shift() as Handled, lane);
    return 'error' in handled ? handled : { answer: withNextCycle(handled.answer, one) };
  });
}

/** A lane on trial ends no message as failed: whether that is right, stable's handler says. */
const asOfLane = (handled: Handled, lane?: LandingLane): Handled =>
  lane && 'answer' in handled && handled.answer.outcome === 'failed'
    ? { error: new Error(handled.answer.reason) }
    : handled;

/** Brings the claimed rows, which say "delivered", to what was answered; those to be tried again are given back. */
async function writeDown(tx: PoolClient, topic: Topic, claimed: Claimed[], handled: Handled[]): Promise<void> {
  const deliveries = claimed.map(({ delivery }) => delivery);
  const failing = deliveries.filter((_, index) => 'error' in (handled[index] as Handled));
  const answered = deliveries.flatMap((delivery, index) => {
    const one = handled[index] as Handled;
    const plain = 'error' in one || (one.answer.outcome === 'delivered' && !one.answer.next);
    return plain ? [] : [{ delivery, answer: one.answer }];
  });
  if (failing.length > 0) await unclaim(tx, topic.name, failing);
  if (answered.length > 0) await recordAnswers(tx, topic.name, answered);
}

function resultOf(handled: Handled, { delivery: { message }, decidedAt }: Claimed): Landing {
  if ('error' in handled) return handled;
  const { outcome, next, reason } = handled.answer;
  return { decision: { cycle: message.cycle, outcome, decidedAt, next, reason } };
}
