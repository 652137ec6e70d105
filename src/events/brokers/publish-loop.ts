import type { Pool } from 'pg';
import { tryAdvisoryLock } from '../../platform/database/lease';
import { inTransaction } from '../../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Backlog } from '../../platform/telemetry/stream-metrics';
import { type Consumer, readStream, subscribe } from '../consumer';
import { backlogOf } from './backlog';
import type { Publisher } from './publisher';

// The most events in one publish: some milliseconds of a broker's work.
const BATCH = 500;
const LONGEST_PUBLISH_MS = 60_000;
// Usually a hint that the stream has grown comes first. This poll is for hints that were lost with their connection.
const PAUSE_MS = 1_000;

/**
 * Gives the publisher the next `limit` events of the stream, and moves its position once all are acknowledged. Returns
 * how many; 0 if another process is publishing. After a failure the position stays: an event may be published twice,
 * and none is skipped.
 *
 * The lock belongs to this transaction, which waits for the broker no longer than the publisher's own timeouts. The
 * transaction has written nothing by then, so it locks no row and holds back no vacuum. If this process is paused
 * meanwhile, PostgreSQL ends the transaction and releases the lock.
 */
export const publishBatch = (pool: Pool, publisher: Publisher, limit = BATCH): Promise<number> =>
  inTransaction(pool, async (tx) => {
    const { name } = publisher;
    // Longer than a publisher's own timeouts. If it were shorter, a slow but healthy broker would get the same events
    // again and again.
    await tx.query(`set local idle_in_transaction_session_timeout = ${LONGEST_PUBLISH_MS}`);
    if (!(await tryAdvisoryLock(tx, `publisher ${name}`))) return 0;
    const { rows } = await tx.query<{ position: string }>('select position from postdate.consumer where name = $1', [
      name,
    ]);
    const before = rows[0]?.position;
    if (before === undefined) return 0;
    const events = await readStream(tx, Number(before), limit);
    const last = events.at(-1);
    if (!last) return 0;
    await publisher.publish(events);
    // If a replay has set another position meanwhile, that position stands.
    await tx.query(
      'update postdate.consumer set position = $3, updated_at = clock_timestamp() where name = $1 and position = $2',
      [name, before, last.position],
    );
    return events.length;
  });

/** Publishes until stopped. Any number of processes may: they take turns. `from`: where a new publisher begins. */
export function startPublishing(
  { pool, metrics, onError }: { pool: Pool; metrics: Metrics; onError(error: unknown): void },
  publisher: Publisher,
  from: Consumer['from'],
): BackgroundLoop {
  const { name } = publisher;
  let subscribed = false;
  let limit = BATCH;
  async function publish(): Promise<'more' | 'idle'> {
    if (!subscribed) await subscribe(pool, { name, from });
    subscribed = true;
    const backlog: Backlog = await backlogOf(pool, name);
    metrics.backlog(name, backlog);
    if (backlog.events === 0) return 'idle';
    // Before the transaction, so that no transaction is open while this waits for a broker that is away.
    await publisher.connect();
    try {
      const published = await publishBatch(pool, publisher, limit);
      metrics.published(name, published);
      limit = Math.min(limit * 2, BATCH);
      return published > 0 ? 'more' : 'idle';
    } catch (error) {
      // Starts again with one event. A broker that is too slow for a batch gets on with smaller ones. An event that the
      // broker refuses delays only the later ones, and the error names it.
      limit = 1;
      throw error;
    }
  }
  const loop = runInBackground(publish, { pauseMs: PAUSE_MS, onError });
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      await publisher.close();
    },
  };
}
