import type { Pool, PoolClient } from 'pg';
import { refuseDueAt } from './admission';
import type { Decision, ScheduledMessage } from './contract';
import { inTransaction } from './database';
import { epochMsOf } from './due-time';
import { claimDelivery, msUntilDue, readDecision, recordAnswer } from './ledger';
import { appendEvent } from './outbox';
import { type HandlerAnswer, PermanentFailure, type Topic } from './topic';

export type Landing = { decision: Decision } | { notDueForMs: number };

/**
 * Lands one message: ledger row, the handler's effect and its events in one transaction.
 * The second landing of a cycle changes nothing and answers what the first one decided. Throws what the handler
 * throws, with nothing left behind, so that the caller tries again.
 */
export function land(
  pool: Pool,
  topic: Topic,
  input: { message: ScheduledMessage; late: boolean },
  signal?: AbortSignal,
): Promise<Landing> {
  const { message } = input;
  const landing = async (tx: PoolClient): Promise<Landing> => {
    if (!(await claimDelivery(tx, input))) {
      const decision = await readDecision(tx, message);
      return decision ? { decision } : { notDueForMs: await msUntilDue(tx, message) };
    }
    return { decision: await recordAnswer(tx, message, await answerOf(tx, topic, input)) };
  };
  return inTransaction(pool, landing, signal);
}

async function answerOf(
  tx: PoolClient,
  topic: Topic,
  { message, late }: { message: ScheduledMessage; late: boolean },
): Promise<Pick<Decision, 'outcome' | 'next' | 'reason'>> {
  await tx.query('savepoint handler');
  try {
    const payload = topic.payload.safeParse(message.payload);
    // The schema has changed since the message was posted, perhaps years ago; no retry will change the payload.
    if (!payload.success) throw new PermanentFailure(`payload: ${payload.error.message}`);
    const transaction = {
      query: tx.query.bind(tx) as PoolClient['query'],
      emit: (type: string, data: Record<string, unknown>) => appendEvent(tx, message, type, data),
    };
    return outcomeOf(await topic.handle(transaction, { ...message, payload: payload.data, late }), message);
  } catch (error) {
    if (!(error instanceof PermanentFailure)) throw error;
    // Undoes what the handler did, keeps the claimed row: the failure is recorded where everyone looks for outcomes.
    await tx.query('rollback to savepoint handler');
    return { outcome: 'failed', reason: error.message };
  }
}

function outcomeOf(answer: HandlerAnswer, { cycle }: ScheduledMessage): Pick<Decision, 'outcome' | 'next' | 'reason'> {
  if (answer.do === 'skip') return { outcome: 'skipped', reason: answer.reason };
  if (answer.do === 'done') return { outcome: 'delivered' };
  const dueAt = epochMsOf(answer.dueAt);
  const refusal = refuseDueAt(dueAt, Date.now());
  if (refusal) throw new PermanentFailure(`again: ${refusal.field} ${refusal.message}`);
  return { outcome: 'delivered', next: { cycle: cycle + 1, dueAt } };
}
