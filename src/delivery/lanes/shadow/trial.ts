import type { Pool, PoolClient } from 'pg';
import type { Outcome } from '../../../message/decision';
import { storable } from '../../../platform/database/storable';
import { markHandlerError } from '../../../platform/telemetry/error-context';
import { runForeign } from '../../../platform/telemetry/foreign-code';
import { isInstance, readThrown } from '../../../platform/telemetry/thrown';
import { type LandingTransaction, PermanentFailure, type Topic } from '../../../topics/topic';
import { answerOf, dueMessage } from '../../landing/answers';
import type { Answer } from '../../landing/claims';
import { decideWithoutHandler } from '../../landing/decide-without-handler';
import { withNextCycle } from '../../landing/next-cycle';
import { isConnectionLost, isLockFailure } from './database-errors';
import { lendTrial } from './guarded-query';
import { inNoCommitTransaction, TrialAborted } from './no-commit-transaction';
import type { TableShape } from './restore-rows';
import { restoreSnapshot } from './restore-snapshot';
import { type RowSnapshot, readRowSnapshot } from './row-snapshots';
import type { DueCopy, EventsByType, StableDecision } from './stable-decisions';

export interface TrialAnswer {
  outcome: Outcome;
  nextDueAt?: number;
  reason?: string;
}

/** What the shadow would have done. `rows`: before the landing, as stable left them, and as the shadow would have. */
export interface Trial {
  answer: TrialAnswer;
  events: EventsByType;
  rows?: { shapes: TableShape[]; before: RowSnapshot; stable: RowSnapshot; shadow: RowSnapshot };
}

/** Why there is nothing to compare. None of these reasons is a fault of the shadow's handler. */
export type NotCompared =
  | 'undecided'
  | 'withdrawn'
  | 'notByStable'
  | 'readTooLate'
  | 'changedMeanwhile'
  | 'notPutBack'
  | 'locked'
  | 'gaveWay';

export type TrialResult = { trial: Trial } | { failed: unknown } | { notCompared: NotCompared; because?: unknown };

/** Runs a shadow's handler for a message in a no-commit transaction, on the rows as they were for stable. */
export async function tryMessage(
  deps: { trials: Pool; pool: Pool; onError(error: unknown): void },
  topic: Topic,
  copy: DueCopy & { decision: StableDecision },
): Promise<TrialResult> {
  let handlerStarted = false;
  try {
    return await inNoCommitTransaction(deps, async (tx) => {
      const rows = await restoreSnapshot(tx, topic, copy);
      if ('notCompared' in rows) return rows;
      handlerStarted = true;
      const { answer, events } = await decide(tx, topic, copy);
      if (!rows.shapes) return { trial: { answer, events } };
      const shadow = await readRowSnapshot(tx, topic, copy.delivery.message);
      return { trial: { answer, events, rows: { ...rows, shadow } } };
    });
  } catch (thrown) {
    if (isInstance(thrown, TrialAborted) && thrown.why === 'gaveWay') return { notCompared: 'gaveWay' };
    const error = readThrown(thrown);
    if (isLockFailure(error)) return { notCompared: 'locked' };
    if (isConnectionLost(error) || !handlerStarted) throw error;
    return { failed: markHandlerError(error) };
  }
}

async function decide(
  tx: PoolClient,
  topic: Topic,
  { delivery, decision: { claimedAt } }: DueCopy & { decision: StableDecision },
): Promise<{ answer: TrialAnswer; events: EventsByType }> {
  const claimed = { delivery, claimedAt };
  const decided = (await decideWithoutHandler(tx, topic, [claimed])).get(delivery);
  const events: EventsByType = new Map();
  if (decided && 'error' in decided) throw decided.error;
  const answer = decided?.answer ?? (await runHandler(tx, topic, { delivery, events }));
  return { answer: trialAnswerOf(withNextCycle(answer, claimed)), events };
}

async function runHandler(
  tx: PoolClient,
  topic: Topic,
  { delivery, events }: { delivery: DueCopy['delivery']; events: EventsByType },
): Promise<Answer> {
  await tx.query('savepoint handler');
  const { query, takeBack } = lendTrial(tx);
  const emit: LandingTransaction['emit'] = async (type, data) => {
    if (events.has(type)) throw new Error(`a second event ${type} of one cycle`);
    // PostgreSQL rejects here the data that it would reject in the outbox.
    const { rows } = await tx.query<{ data: Record<string, unknown> }>('select $1::jsonb as data', [
      JSON.stringify(data),
    ]);
    events.set(type, rows[0]?.data ?? {});
  };
  try {
    const message = dueMessage(topic, delivery);
    const { tenant, key, cycle } = message;
    const code = { part: 'handler', topic: topic.name, tenant, key, cycle } as const;
    const answer = answerOf(await runForeign(code, () => topic.handle({ query, emit }, message)), message);
    // Fails if the handler swallowed a statement's error, or left its transaction after all.
    await tx.query('release savepoint handler');
    return answer;
  } catch (error) {
    if (!isInstance(error, PermanentFailure)) throw error;
    await tx.query('rollback to savepoint handler');
    events.clear();
    return { outcome: 'failed', reason: readThrown(error).message };
  } finally {
    takeBack();
  }
}

const trialAnswerOf = ({ outcome, next, reason }: Answer): TrialAnswer => ({
  outcome,
  nextDueAt: next?.dueAt,
  reason: storable(reason) ?? undefined,
});
