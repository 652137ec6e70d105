import type { Pool, PoolClient } from 'pg';
import { byHandler } from '../../concern';
import type { Outcome } from '../../decision';
import { answerOf, dueMessage } from '../../landing/answers';
import type { Answer } from '../../landing/claims';
import { decideWithoutHandler } from '../../landing/decide-without-handler';
import { withNextCycle } from '../../landing/next-cycle';
import { storable } from '../../ledger';
import { type LandingTransaction, PermanentFailure, type Topic } from '../../topic';
import { makeRowsAsBefore } from './as-before';
import { isAway, isLocked } from './faults';
import { guardedQuery } from './guarded-query';
import { type Picture, readPicture } from './pictures';
import type { TableShape } from './put-back';
import { BrokenOff, inSealedTransaction } from './sealed';
import type { EventsByType, RipeCopy, StableDecision } from './stables';

export interface Answered {
  outcome: Outcome;
  nextDueAt?: number;
  reason?: string;
}

/** What the shadow would have done, and its rows as they were before, as stable left them, and as the shadow would have. */
export interface Trial {
  answer: Answered;
  events: EventsByType;
  rows?: { shapes: TableShape[]; before: Picture; stable: Picture; shadow: Picture };
}

/** Why there is nothing to compare; none of it says anything of the shadow's handler. */
export type NotCompared =
  | 'undecided'
  | 'withdrawn'
  | 'notByStable'
  | 'readTooLate'
  | 'changedMeanwhile'
  | 'notPutBack'
  | 'locked'
  | 'gaveWay';

export type Tried = { trial: Trial } | { failed: unknown } | { notCompared: NotCompared; because?: unknown };

/** Has a shadow's handler handle a message in a sealed transaction, before which everything is as it was for stable. */
export async function tryMessage(
  deps: { trials: Pool; pool: Pool; onError(error: unknown): void },
  topic: Topic,
  copy: RipeCopy & { decision: StableDecision },
): Promise<Tried> {
  let atHandler = false;
  try {
    return await inSealedTransaction(deps, async (tx) => {
      const rows = await makeRowsAsBefore(tx, topic, copy);
      if ('notCompared' in rows) return rows;
      atHandler = true;
      const { answer, events } = await handle(tx, topic, copy);
      if (!rows.shapes) return { trial: { answer, events } };
      const shadow = await readPicture(tx, topic, copy.delivery.message);
      return { trial: { answer, events, rows: { ...rows, shadow } } };
    });
  } catch (error) {
    if (error instanceof BrokenOff && error.why === 'gaveWay') return { notCompared: 'gaveWay' };
    if (isLocked(error)) return { notCompared: 'locked' };
    if (isAway(error) || !atHandler) throw error;
    return { failed: byHandler(error) };
  }
}

async function handle(
  tx: PoolClient,
  topic: Topic,
  { delivery, decision: { decidedAt } }: RipeCopy & { decision: StableDecision },
): Promise<{ answer: Answered; events: EventsByType }> {
  const claimed = { delivery, decidedAt };
  const decided = (await decideWithoutHandler(tx, topic, [claimed])).get(0);
  const events: EventsByType = new Map();
  const answer = decided ?? (await answerOfHandler(tx, topic, { delivery, events }));
  return { answer: answered(withNextCycle(answer, claimed)), events };
}

async function answerOfHandler(
  tx: PoolClient,
  topic: Topic,
  { delivery, events }: { delivery: RipeCopy['delivery']; events: EventsByType },
): Promise<Answer> {
  await tx.query('savepoint handler');
  const { query, close } = guardedQuery(tx);
  const emit: LandingTransaction['emit'] = async (type, data) => {
    if (events.has(type)) throw new Error(`a second event ${type} of one cycle`);
    // The database refuses here what it would refuse in the outbox.
    const { rows } = await tx.query<{ data: Record<string, unknown> }>('select $1::jsonb as data', [
      JSON.stringify(data),
    ]);
    events.set(type, rows[0]?.data ?? {});
  };
  try {
    const message = dueMessage(topic, delivery);
    const answer = answerOf(await topic.handle({ query, emit }, message), message);
    // Fails where a handler has hidden an error of a statement from us, or has come out of its transaction after all.
    await tx.query('release savepoint handler');
    return answer;
  } catch (error) {
    if (!(error instanceof PermanentFailure)) throw error;
    await tx.query('rollback to savepoint handler');
    events.clear();
    return { outcome: 'failed', reason: error.message };
  } finally {
    close();
  }
}

const answered = ({ outcome, next, reason }: Answer): Answered => ({
  outcome,
  nextDueAt: next?.dueAt,
  reason: storable(reason) ?? undefined,
});
