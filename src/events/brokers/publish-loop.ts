import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { tryAdvisoryLock } from '../../platform/database/lease';
import { inTransaction } from '../../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Backlog } from '../../platform/telemetry/stream-metrics';
import { type Consumer, subscribe } from '../consumer';
import { endAsSent, isAnyDue, readDue, readWaiting, type SetAside, setAside } from '../set-aside';
import { readRows } from '../stream';
import { backlogOf } from './backlog';
import { publishRows } from './publish-rows';
import type { Publisher } from './publisher';

// The most events in one publish: some milliseconds of a broker's work.
const BATCH = 500;
const LONGEST_PUBLISH_MS = 60_000;
// Usually a hint that the stream has grown comes first. This poll is for hints that were lost with their connection.
const PAUSE_MS = 1_000;

/** What a publisher was given: how many rows, how many were sent, and which were set aside. */
export interface PublishedBatch {
  taken: number;
  sent: number;
  aside: SetAside[];
}

const NOTHING: PublishedBatch = { taken: 0, sent: 0, aside: [] };

/**
 * Gives the publisher the next `limit` events of the stream, and moves its position once all are acknowledged or set aside.
 * Events that were set aside and are to be tried again come first. Takes nothing if another process is publishing. After a
 * failure the position stays: an event may be published twice, and none is skipped.
 *
 * The lock belongs to this transaction, which waits for the broker no longer than the publisher's own timeouts. The
 * transaction has written nothing by then, so it locks no row and holds back no vacuum. If this process is paused
 * meanwhile, PostgreSQL ends the transaction and releases the lock.
 */
export const publishBatch = (pool: Pool, publisher: Publisher, limit = BATCH): Promise<PublishedBatch> =>
  inTransaction(pool, async (tx) => {
    const { name } = publisher;
    // Longer than a publisher's own timeouts. If it were shorter, a slow but healthy broker would get the same events
    // again and again.
    await tx.query(`set local idle_in_transaction_session_timeout = ${LONGEST_PUBLISH_MS}`);
    if (!(await tryAdvisoryLock(tx, `publisher ${name}`))) return NOTHING;
    const again = await readDue(tx, name, limit);
    if (again.length > 0) {
      const { sent, aside } = await publishRows(publisher, again);
      await setAside(tx, name, aside);
      await endAsSent(tx, name, sent);
      return { taken: again.length, sent: sent.length, aside };
    }
    const { rows } = await tx.query<{ position: string }>('select position from postdate.consumer where name = $1', [
      name,
    ]);
    const before = rows[0]?.position;
    if (before === undefined) return NOTHING;
    const next = await readRows(tx, Number(before), limit);
    const last = next.at(-1);
    if (!last) return NOTHING;
    const { positions, firstOf } = await readWaiting(tx, name, next);
    // After a replay an event may come that is set aside. It stays so.
    const fresh = next.filter(({ position }) => !positions.has(position));
    const { sent, aside } = await publishRows(publisher, fresh, firstOf);
    await setAside(tx, name, aside);
    // If a replay has set another position meanwhile, that position stands.
    await tx.query(
      'update postdate.consumer set position = $3, updated_at = clock_timestamp() where name = $1 and position = $2',
      [name, before, last.position],
    );
    return { taken: next.length, sent: sent.length, aside };
  });

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
): BackgroundLoop {
  const { name } = publisher;
  let subscribed = false;
  let limit = BATCH;
  async function publish(): Promise<'more' | 'idle'> {
    if (!subscribed) await subscribe(pool, { name, from });
    subscribed = true;
    const backlog: Backlog = await backlogOf(pool, name);
    metrics.backlog(name, backlog);
    if (backlog.events === 0 && !(await isAnyDue(pool, name))) return 'idle';
    // Before the transaction, so that no transaction is open while this waits for a broker that is away.
    await publisher.connect();
    try {
      const { taken, sent, aside } = await publishBatch(pool, publisher, limit);
      metrics.published(name, sent);
      for (const { position, id, reason, behind } of aside) {
        // Those behind another follow from its line.
        if (behind !== undefined) continue;
        log.warn({ part: `publisher ${name}`, event: id, position, reason }, 'an event was set aside');
      }
      limit = Math.min(limit * 2, BATCH);
      return taken > 0 ? 'more' : 'idle';
    } catch (error) {
      // Starts again with one event. A broker that is too slow for a batch gets on with smaller ones, and the error names
      // the one event at which it fails.
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
