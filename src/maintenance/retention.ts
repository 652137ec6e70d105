import type { Pool, PoolClient } from 'pg';
import { pruneComparisons } from '../delivery/lanes/shadow/comparisons';
import { pruneCopies } from '../delivery/lanes/shadow/shadow-copies';
import { pruneFormerPartitions } from '../events/partition-change';
import { acquireExclusiveLease, acquireLease } from '../platform/database/lease';
import { inTransaction } from '../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { withErrorContext } from '../platform/telemetry/error-context';
import type { Topic } from '../topics/topic';
import { addMonths, dropPastMonths } from './outbox-months';
import {
  BATCH,
  pruneCommands,
  pruneLaneFailures,
  pruneLedger,
  pruneOutbox,
  pruneRefused,
  pruneSetAside,
  pruneWebhookDeliveries,
} from './prune';

const EVERY_MS = 600_000;
// By then the lane under comparison is deployed or stopped.
const COMPARISON_DAYS = 30;

/** How many days rows are kept. */
export interface RetentionDays {
  /** Events that all consumers and webhooks have received. */
  outboxDays: number;
  /** Decisions on finished messages. Absent: for ever. */
  ledgerDays?: number;
  /** Dispatched commands, and failures of lanes. */
  commandDays: number;
  /** Ended deliveries to webhooks. */
  webhookDays: number;
}

/**
 * Removes old rows every ten minutes, in one worker: the outbox by months, all else in batches. Makes the coming months of the outbox.
 * Unfinished rows are never removed.
 */
export function startRetention(
  { pool, onError }: { pool: Pool; onError(error: unknown): void },
  topics: Topic[],
  { outboxDays, ledgerDays, commandDays, webhookDays }: RetentionDays,
): BackgroundLoop {
  let more = false;

  /** A topic whose own query of business rows fails keeps nothing else from being removed. */
  async function pruneTopic(tx: PoolClient, topic: Topic, days: number): Promise<number> {
    await tx.query('savepoint topic');
    try {
      return await pruneLedger(tx, topic, days);
    } catch (error) {
      onError(withErrorContext(error, { topic: topic.name }));
      await tx.query('rollback to savepoint topic');
      return 0;
    }
  }

  /** A month that cannot be made or dropped keeps nothing else from being removed. */
  async function keepMonths(): Promise<void> {
    try {
      if (!(await acquireLease(pool, 'outbox months', EVERY_MS))) return;
      await addMonths(pool);
      await dropPastMonths(pool, outboxDays);
    } catch (error) {
      onError(error);
    }
  }

  async function pruneOnce(): Promise<'more' | 'idle'> {
    const removed = await inTransaction(pool, async (tx) => {
      // With an interval of 0 this worker keeps the lease while there are more rows.
      if (!(await acquireExclusiveLease(tx, 'retention', more ? 0 : EVERY_MS))) return undefined;
      const removedRows = [
        await pruneOutbox(tx, outboxDays),
        await pruneSetAside(tx, outboxDays),
        await pruneFormerPartitions(tx),
        await pruneCommands(tx, commandDays),
        await pruneRefused(tx, commandDays),
        await pruneLaneFailures(tx, commandDays),
        await pruneWebhookDeliveries(tx, webhookDays),
        await pruneCopies(tx, BATCH),
        await pruneComparisons(tx, COMPARISON_DAYS, BATCH),
      ];
      if (ledgerDays !== undefined) {
        for (const topic of topics) removedRows.push(await pruneTopic(tx, topic, ledgerDays));
      }
      return Math.max(...removedRows);
    });
    more = removed !== undefined && removed >= BATCH;
    // By the worker that has removed the rest, so that none of the tables goes while another one looks into it.
    if (removed !== undefined) await keepMonths();
    return more ? 'more' : 'idle';
  }
  return runInBackground(pruneOnce, { pauseMs: EVERY_MS, onError });
}
