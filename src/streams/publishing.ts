import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { type Consumer, readStream, subscribe } from '../consumer';
import { inTransaction } from '../database';
import { tryAdvisoryLock } from '../lease';
import type { Backlog, Metrics } from '../metrics';
import { backlogOf } from './backlog';
import type { Publisher } from './publisher';

// What one publish carries at most: some milliseconds of a broker's work.
const BATCH = 500;
const LONGEST_PUBLISH_MS = 60_000;
// The hint that the stream has grown usually comes first; this poll is for hints that were lost with their connection.
const PAUSE_MS = 1_000;

/**
 * Gives the publisher the next `limit` events of the stream and moves its position once all are acknowledged; returns how many,
 * none if another process is at it. Any failure leaves the position where it was: an event may come twice, and none is passed over.
 *
 * The lock is one of this transaction, which waits for the broker, bounded by the publisher's own patience. It has written
 * nothing by then, so it keeps no row and holds back no vacuum; and PostgreSQL ends it, lock and all, should this process be
 * paused in the midst.
 */
export const publishBatch = (pool: Pool, publisher: Publisher, limit = BATCH): Promise<number> =>
  inTransaction(pool, async (tx) => {
    const { name } = publisher;
    // Longer than a publisher gives itself: ended sooner, a broker that is slow but well would be given the same events again and again.
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
    // A replay that was asked for meanwhile has set another position, and stands.
    await tx.query(
      'update postdate.consumer set position = $3, updated_at = clock_timestamp() where name = $1 and position = $2',
      [name, before, last.position],
    );
    return events.length;
  });

/** Publishes until stopped. Any number of processes may: they take turns. `from`: where a publisher of a new name begins. */
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
    // Before the transaction, so that none is open while a broker that is away is waited for.
    await publisher.connect();
    try {
      const published = await publishBatch(pool, publisher, limit);
      metrics.published(name, published);
      limit = Math.min(limit * 2, BATCH);
      return published > 0 ? 'more' : 'idle';
    } catch (error) {
      // With one again: a broker too slow for a batch gets on with a part of it, and an event that it refuses holds up only what
      // comes after it, and is named by the error.
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
