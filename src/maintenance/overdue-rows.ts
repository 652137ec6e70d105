import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { takeAbandoned, writeHeld } from '../delivery/held/held-rows';
import type { CommandsFirst } from '../delivery/hold/commands-first';
import type { Hold } from '../delivery/hold/hold';
import type { Delivery } from '../message/contract';
import { STABLE } from '../message/lane-name';
import { acquireExclusiveLease } from '../platform/database/lease';
import { inTransaction } from '../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../platform/loops/background-loop';
import type { Metrics } from '../platform/telemetry/metrics';
import { findOverdueRows, hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { createRescue } from './rescue';

export interface SweepLimits {
  /** The sweep acts on messages that are overdue for longer than this. */
  graceMs: number;
  /** Pause between two rounds. */
  everyMs: number;
}

/**
 * Lands overdue messages without Temporal: those that a dead worker held, and those that the topic's rows say should
 * have been delivered. They go through the hold like the messages of activities, and the ledger prevents a second
 * landing. While there are more of them, the next ones follow as soon as these have landed. A message that fails is
 * retried with exponential backoff.
 */
export function startSweepOfRows(
  deps: {
    pool: Pool;
    worker: string;
    commandsFirst: Pick<CommandsFirst, 'landInOrder'>;
    metrics: Pick<Metrics, 'rescued'>;
    log: Pick<Logger, 'warn'>;
    onError(error: unknown): void;
  },
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { graceMs, everyMs }: SweepLimits,
): BackgroundLoop {
  const { pool, worker, commandsFirst, onError } = deps;
  const stopping = new AbortController();
  const rescue = createRescue(deps, hold, topic, { everyMs });
  let more = false;

  async function sweepOnce(): Promise<'more' | 'idle'> {
    rescue.backoff.prune();
    const limit = rescue.batch();
    const { abandoned, missed } = await inTransaction(pool, async (tx) => {
      // With an interval of 0 the worker need not wait for its next round while there are more rows.
      if (!(await acquireExclusiveLease(tx, `sweep of rows: ${topic.name}`, more ? 0 : everyMs)))
        return { abandoned: [], missed: [] };
      const taken = await takeAbandoned(tx, worker, { topic: topic.name, graceMs, limit });
      const except = rescue.backoff.backingOff();
      const found = hasRows(topic) ? await findOverdueRows(tx, topic, { graceMs, limit, except }) : [];
      const deliveries = found.map((message) => ({ message, late: false }));
      // So that no other worker finds them before they have landed.
      if (deliveries.length > 0) await writeHeld(tx, { worker, lane: STABLE }, deliveries);
      return { abandoned: taken, missed: deliveries };
    });
    // Rows say themselves what has become of them. What a dead worker held may have been cancelled meanwhile.
    const landAbandoned = (ready: Delivery[]) => rescue.land(ready, 'workerDied');
    await Promise.all([
      commandsFirst.landInOrder(abandoned, landAbandoned, stopping.signal),
      rescue.land(missed, 'notDelivered'),
    ]);
    more = Math.max(abandoned.length, missed.length) === limit;
    return more ? 'more' : 'idle';
  }

  const loop = runInBackground(sweepOnce, { pauseMs: everyMs, onError });
  return {
    ...loop,
    stop() {
      stopping.abort();
      return loop.stop();
    },
  };
}
