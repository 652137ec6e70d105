import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Backlog } from '../../platform/telemetry/stream-metrics';
import { type Consumer, subscribe } from '../consumer';
import { isAnyDue } from '../set-aside';
import { backlogOf } from './backlog';
import { BATCH, type PublishedBatch, publishBatch, publishPast } from './publish-batch';
import type { Publisher } from './publisher';

// Usually a hint that the stream has grown comes first. This poll is for hints that were lost with their connection.
const PAUSE_MS = 1_000;
// After so many failures at one event, others are tried: the event may be the cause.
const FAILURES_AT_ONE = 3;

export interface PublishDeps {
  pool: Pool;
  metrics: Pick<Metrics, 'backlog' | 'published'>;
  log: Pick<Logger, 'warn'>;
  onError(error: unknown): void;
}

/** Publishes until stopped. Any number of processes may: they take turns. `from`: where a new publisher begins. */
export function startPublishing(
  { pool, metrics, log, onError }: PublishDeps,
  publisher: Publisher,
  from: Consumer['from'],
  { pauseMs = PAUSE_MS }: { pauseMs?: number } = {},
): BackgroundLoop {
  const { name } = publisher;
  let subscribed = false;
  let limit = BATCH;
  let failuresAtOne = 0;

  async function publish(): Promise<'more' | 'idle'> {
    if (!subscribed) await subscribe(pool, { name, from });
    subscribed = true;
    const backlog: Backlog = await backlogOf(pool, name);
    metrics.backlog(name, backlog);
    if (backlog.events === 0 && !(await isAnyDue(pool, name))) return 'idle';
    // Before the transaction, so that no transaction is open while this waits for a broker that is away.
    await publisher.connect();
    try {
      const batch = await publishBatch(pool, publisher, limit);
      report(batch);
      // What was set aside is tried one by one from here on, and the stream goes on.
      limit = batch.failure === undefined ? Math.min(limit * 2, BATCH) : 1;
      failuresAtOne = 0;
      return batch.taken > 0 ? 'more' : 'idle';
    } catch (error) {
      failuresAtOne = limit === 1 ? failuresAtOne + 1 : 0;
      // Starts again with one event. A broker that is too slow for a batch gets on with smaller ones, and the error names
      // the one event at which it fails.
      limit = 1;
      if (failuresAtOne < FAILURES_AT_ONE) throw error;
      await publisher.connect();
      const past = await publishPast(pool, publisher, (error as Error).message);
      if (past.taken === 0) throw error;
      onError(error);
      report(past);
      failuresAtOne = 0;
      return 'more';
    }
  }

  function report({ sent, aside, failure }: PublishedBatch): void {
    if (failure !== undefined) onError(failure);
    metrics.published(name, sent);
    for (const { position, id, reason, behind } of aside) {
      // Those behind another follow from its line.
      if (behind !== undefined) continue;
      log.warn({ part: `publisher ${name}`, event: id, position, reason }, 'an event was set aside');
    }
  }

  const loop = runInBackground(publish, { pauseMs, onError });
  return {
    nudge: loop.nudge,
    nudgeIn: loop.nudgeIn,
    async stop() {
      await loop.stop();
      await publisher.close();
    },
  };
}
