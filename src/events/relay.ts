import type { Pool } from 'pg';
import type { Hints } from '../platform/database/hints';
import { inTransaction } from '../platform/database/pool';
import { runWhileWorkWaits } from '../platform/database/resting-loop';
import type { AfterLandings } from '../platform/loops/after-landings';
import type { BackgroundLoop } from '../platform/loops/background-loop';

/** PostgreSQL's channel that says "the stream has grown". It is only a hint: every reader looks by itself as well. */
export const STREAM_CHANNEL = 'postdate_stream';

const BATCH = 500;

// No relay has given these positions: a stranger has, or a backup is older than the rows. At the head's number the relay
// would fail for ever, as no position is there twice.
const BEYOND_HEAD = 'position > (select position from postdate.stream_head)';
const WAITS = `exists (select from postdate.outbox where position is null)
  or exists (select from postdate.outbox where ${BEYOND_HEAD})`;

/** SQL: gives the next $1 waiting events their positions. */
export const RELAY = `
  with batch as (
    select id, appended_at, seq, row_number() over (order by seq) as place
      from (select id, appended_at, seq from postdate.outbox where position is null order by seq limit $1) as waiting
  ), moved_head as (
    update postdate.stream_head set position = position + (select count(*) from batch)
    returning position - (select count(*) from batch) as before
  )
  update postdate.outbox
     set position = moved_head.before + batch.place, relayed_at = clock_timestamp()
    from batch, moved_head
   -- by the id; the rest keeps it from looking for the id in each month
   where outbox.id = batch.id and outbox.appended_at = batch.appended_at
     and outbox.position is null and outbox.seq <= (select max(seq) from batch)`;

/**
 * Gives the next `limit` committed events their positions in the stream, and returns how many.
 *
 * Positions are assigned after the events' transactions have committed, by one relay at a time. They become visible in
 * their own order, so a reader's cursor never passes an event that is still to come. (A serial number taken inside
 * those transactions would not do: number 2 may commit before number 1.) The lock must be a
 * statement of its own: the snapshot of the others must be taken under it.
 */
export async function relayBatch(pool: Pool, limit = BATCH): Promise<number> {
  // Looks without a lock first: a lock taken ten times a second would be ten writes a second for nothing.
  const { rows } = await pool.query<{ waiting: boolean }>(`select ${WAITS} as waiting`);
  if (!rows[0]?.waiting) return 0;
  return inTransaction(pool, async (tx) => {
    // Another process is relaying at this moment, so this one leaves it to that.
    const head = await tx.query('select 1 from postdate.stream_head for update skip locked');
    if (head.rowCount === 0) return 0;
    await tx.query(`update postdate.outbox set position = null, relayed_at = null where ${BEYOND_HEAD}`);
    const relayed = await tx.query(RELAY, [limit]);
    // One hint per batch, not per event: a commit that notifies takes a lock, and all other such commits wait for it.
    if (relayed.rowCount) await tx.query(`select pg_notify('${STREAM_CHANNEL}', '')`);
    return relayed.rowCount ?? 0;
  });
}

/**
 * Relays until stopped. Any number of processes may: they take turns. Landings of the same process go first. With `hints` it
 * looks seldom while no event is written.
 */
export function startRelay(
  pool: Pool,
  { hints, landingsOver, onError }: { hints?: Hints; landingsOver?: AfterLandings; onError(error: unknown): void },
): BackgroundLoop {
  const relay = async () => {
    await landingsOver?.();
    const relayed = await relayBatch(pool);
    if (relayed === BATCH) return 'more';
    return relayed > 0 ? 'found' : 'idle';
  };
  // An event waits for this look: two index lookups, ten a second. In a burst no landing notifies.
  return runWhileWorkWaits({ pool, hints, onError }, { what: 'events', waits: WAITS, pollMs: 100 }, relay);
}
