import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { named } from '../concern';
import { type Delivery, deliveryIdOf } from '../contract';
import { inTransaction } from '../database';
import { takeAbandoned } from '../hold/held-rows';
import type { Hold } from '../hold/hold';
import type { Metrics, RescueReason } from '../metrics';
import type { Topic } from '../topic';
import { takeTurnAlone } from '../turn';
import { createPatience } from './patience';
import { hasRows, overdue } from './waiting-rows';

const BATCH = 500;

export interface SweepLimits {
  /** What is overdue for longer than this is looked after. */
  graceMs: number;
  everyMs: number;
}

/**
 * Lands what is overdue without asking Temporal: what workers held that are gone, and what a topic's own rows say should
 * have come. It goes the same way as what an activity brings; the ledger sees to it that nothing lands twice. Each
 * landing that was really missing counts as a rescue. What cannot be landed is left alone for ever longer.
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
  const patience = createPatience<{ tenant: string; key: string }>({ shortestMs: everyMs });

  function land(deliveries: Delivery[], reason: RescueReason): void {
    hold.takeOver(topic, deliveries, ({ message }, landing) => {
      const id = deliveryIdOf({ message });
      if ('error' in landing) return patience.failed(id, message);
      patience.forget(id);
      if (!('decision' in landing) || landing.before) return;
      metrics.rescued(topic.name, reason, 1);
      log.warn({ part: 'sweep', ...named(message), reason }, 'rescued');
    });
  }

  async function look(): Promise<'more' | 'idle'> {
    patience.tidy();
    const found = await inTransaction(pool, async (tx) => {
      if (!(await takeTurnAlone(tx, `sweep of rows: ${topic.name}`, everyMs))) return { abandoned: [], missed: [] };
      const abandoned = await takeAbandoned(tx, worker, { topic: topic.name, graceMs, limit: BATCH });
      const missed = hasRows(topic)
        ? await overdue(tx, topic, { graceMs, limit: BATCH, except: patience.waiting() })
        : [];
      return { abandoned, missed };
    });
    land(found.abandoned, 'workerDied');
    land(
      found.missed.map((message) => ({ message, late: false })),
      'notDelivered',
    );
    return 'idle';
  }

  return runInBackground(look, { pauseMs: everyMs, onError });
}
