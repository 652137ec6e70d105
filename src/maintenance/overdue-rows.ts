import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { takeAbandoned } from '../delivery/held/held-rows';
import type { Hold } from '../delivery/hold/hold';
import { type Delivery, deliveryIdOf } from '../message/contract';
import { acquireExclusiveLease } from '../platform/database/lease';
import { inTransaction } from '../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import { messageFields } from '../platform/telemetry/error-context';
import type { RescueReason } from '../platform/telemetry/landing-metrics';
import type { Metrics } from '../platform/telemetry/metrics';
import { findOverdueRows, hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { createBackoff } from './backoff';

const BATCH = 500;

export interface SweepLimits {
  /** The sweep acts on messages that are overdue for longer than this. */
  graceMs: number;
  /** Pause between two rounds. */
  everyMs: number;
}

/**
 * Lands overdue messages without Temporal: those that a dead worker held, and those that the topic's rows say should
 * have been delivered. They go through the hold like the messages of activities, and the ledger prevents a second
 * landing. Each landing that was really missing counts as a rescue. A message that fails is retried with exponential
 * backoff.
 */
export function startSweepOfRows(
  deps: {
    pool: Pool;
    worker: string;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { graceMs, everyMs }: SweepLimits,
): BackgroundLoop {
  const { pool, worker, metrics, log, onError } = deps;
  const backoff = createBackoff<{ tenant: string; key: string }>({ shortestMs: everyMs });

  function takeOver(deliveries: Delivery[], reason: RescueReason): void {
    hold.takeOver(topic, deliveries, ({ message }, landing) => {
      const id = deliveryIdOf({ message });
      if ('error' in landing) return backoff.recordFailure(id, message);
      backoff.reset(id);
      if (!('decision' in landing) || landing.before) return;
      metrics.rescued(topic.name, reason, 1);
      log.warn({ part: 'sweep', ...messageFields(message), reason }, 'rescued');
    });
  }

  async function sweepOnce(): Promise<'more' | 'idle'> {
    backoff.prune();
    const found = await inTransaction(pool, async (tx) => {
      if (!(await acquireExclusiveLease(tx, `sweep of rows: ${topic.name}`, everyMs)))
        return { abandoned: [], missed: [] };
      const abandoned = await takeAbandoned(tx, worker, { topic: topic.name, graceMs, limit: BATCH });
      const missed = hasRows(topic)
        ? await findOverdueRows(tx, topic, { graceMs, limit: BATCH, except: backoff.backingOff() })
        : [];
      return { abandoned, missed };
    });
    takeOver(found.abandoned, 'workerDied');
    takeOver(
      found.missed.map((message) => ({ message, late: false })),
      'notDelivered',
    );
    return 'idle';
  }

  return runInBackground(sweepOnce, { pauseMs: everyMs, onError });
}
