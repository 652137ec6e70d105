import type { Pool, PoolClient } from 'pg';
import { tryAdvisoryLock } from '../../platform/database/lease';
import { inTransaction } from '../../platform/database/pool';
import { endAsSent, entityOfRow, postpone, RETRY_S, readDue, readWaiting, type SetAside, setAside } from '../set-aside';
import { readRows, type StreamRow } from '../stream';
import { publishRows } from './publish-rows';
import type { Publisher } from './publisher';

// The most events in one publish: some milliseconds of a broker's work.
export const BATCH = 500;
const LONGEST_PUBLISH_MS = 60_000;
// Few, since they may have been set aside for their size.
const AGAIN = 50;
// Enough to find one of another message.
const PAST = 50;

/**
 * What a publisher was given: how many rows, how many were sent, and which were set aside. `failure`: what it threw at events
 * that were set aside before, and are tried again later.
 */
export interface PublishedBatch {
  taken: number;
  sent: number;
  aside: SetAside[];
  failure?: unknown;
}

const NOTHING: PublishedBatch = { taken: 0, sent: 0, aside: [] };

/**
 * Gives the publisher the next `limit` events of the stream, and moves its position once all are acknowledged or set aside.
 * Events that were set aside and are to be tried again come first. Takes nothing if another process is publishing. After a
 * failure the position stays: an event may be published twice, and none is skipped.
 */
export const publishBatch = (pool: Pool, publisher: Publisher, limit = BATCH): Promise<PublishedBatch> =>
  whileAlone(pool, publisher, async (tx) => {
    const again = await readDue(tx, publisher.name, Math.min(limit, AGAIN));
    if (again.length > 0) return publishAgain(tx, publisher, again);
    return publishNext(tx, publisher, limit, (rows, firstOf) => publishRows(publisher, rows, firstOf));
  });

/**
 * Sets aside the next event, at which the publisher has failed for this reason, if the publisher takes events of other
 * messages meanwhile: then the event is the cause, and no outage. It is tried again by itself. Throws if the others fail, too.
 */
export const publishPast = (pool: Pool, publisher: Publisher, reason: string): Promise<PublishedBatch> =>
  whileAlone(pool, publisher, (tx) =>
    publishNext(tx, publisher, PAST, async (rows, firstOf) => {
      const suspect = rows.find((row) => row.event && !((firstOf.get(entityOfRow(row)) ?? Infinity) < row.position));
      if (suspect?.event === undefined) return undefined;
      const { position, id, event } = suspect;
      const entity = entityOfRow(suspect);
      const others = rows.filter((row) => row !== suspect);
      const { sent, aside } = await publishRows(publisher, others, new Map(firstOf).set(entity, position));
      if (sent.length === 0) return undefined;
      // Once more, now that others were taken: the outage may have ended in between.
      const taken = await publisher.publish([{ position, event }]).then(
        () => true,
        () => false,
      );
      return taken
        ? undefined
        : { sent, aside: [{ position, id, entity, reason, retryInMs: RETRY_S * 1_000 }, ...aside] };
    }),
  );

/**
 * Runs `work` in a transaction while no other process publishes. The lock belongs to the transaction, which waits for the
 * broker no longer than the publisher's own timeouts. The transaction has written nothing by then, so it locks no row and
 * holds back no vacuum. If this process is paused meanwhile, PostgreSQL ends the transaction and releases the lock.
 */
const whileAlone = (pool: Pool, { name }: Publisher, work: (tx: PoolClient) => Promise<PublishedBatch>) =>
  inTransaction(pool, async (tx) => {
    // Longer than a publisher's own timeouts. If it were shorter, a slow but healthy broker would get the same events
    // again and again.
    await tx.query(`set local idle_in_transaction_session_timeout = ${LONGEST_PUBLISH_MS}`);
    if (!(await tryAdvisoryLock(tx, `publisher ${name}`))) return NOTHING;
    return work(tx);
  });

async function publishAgain(tx: PoolClient, publisher: Publisher, rows: StreamRow[]): Promise<PublishedBatch> {
  const { name } = publisher;
  try {
    const { sent, aside } = await publishRows(publisher, rows);
    await setAside(tx, name, aside);
    await endAsSent(
      tx,
      name,
      sent.map((row) => ({ position: row.position, entity: entityOfRow(row) })),
    );
    return { taken: rows.length, sent: sent.length, aside };
  } catch (failure) {
    // The stream goes on meanwhile.
    await postpone(tx, name, rows, (failure as Error).message);
    return { taken: rows.length, sent: 0, aside: [], failure };
  }
}

async function publishNext(
  tx: PoolClient,
  { name }: Publisher,
  limit: number,
  publish: (
    rows: StreamRow[],
    firstOf: ReadonlyMap<string, number>,
  ) => Promise<{ sent: StreamRow[]; aside: SetAside[] } | undefined>,
): Promise<PublishedBatch> {
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
  const published = await publish(fresh, firstOf);
  if (!published) return NOTHING;
  const { sent, aside } = published;
  await setAside(tx, name, aside);
  // If a replay has set another position meanwhile, that position stands.
  await tx.query(
    'update postdate.consumer set position = $3, updated_at = clock_timestamp() where name = $1 and position = $2',
    [name, before, last.position],
  );
  return { taken: next.length, sent: sent.length, aside };
}
