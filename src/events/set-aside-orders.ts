import type { Pool } from 'pg';
import { inTransaction, type Queryable } from '../platform/database/pool';
import { storable } from '../platform/database/storable';
import { tryNextOf } from './set-aside';
import { skipStopped } from './skip-stopped';

/** An event that is set aside for a reader of the stream. Instants are RFC 3339. */
export interface ListedSetAside {
  consumer: string;
  position: number;
  eventId: string;
  reason: string;
  /** Set for one that only waits behind an earlier event of its message: the position of that event. */
  behind?: number;
  setAsideAt: string;
  tries: number;
  /** When it is tried again by itself. */
  nextTryAt?: string;
}

/** Which events: of one reader, or of all. */
export interface SetAsideSelection {
  consumer?: string;
  eventId?: string;
}

// A reader that was given up, by deleting its row, waits for nothing.
const OF_KNOWN = 'ended_at is null and consumer in (select name from postdate.consumer)';

/** The first `limit` events that are set aside, by reader and position. */
export async function listSetAside(
  db: Queryable,
  { consumer }: SetAsideSelection,
  limit: number,
): Promise<ListedSetAside[]> {
  const { rows } = await db.query(
    `select consumer, position::float8 as position, event_id, reason, behind::float8 as behind, set_aside_at, tries, next_try_at
       from postdate.set_aside
      where ${OF_KNOWN} and ($1::text is null or consumer = $1)
      order by consumer, set_aside.position
      limit $2`,
    [consumer ?? null, limit],
  );
  return rows.map(({ event_id: eventId, set_aside_at: at, behind, next_try_at: next, ...row }) => ({
    ...row,
    eventId,
    behind: behind ?? undefined,
    setAsideAt: at.toISOString(),
    nextTryAt: next?.toISOString(),
  }));
}

/** How many events are set aside for each reader of the stream, also for those that have none, and since when. */
export async function countSetAside(
  db: Queryable,
): Promise<{ consumer: string; events: number; since?: Date; reason?: string }[]> {
  const { rows } = await db.query(
    `select name as consumer, count(set_aside.position)::integer as events, min(set_aside_at) as since,
            (array_agg(reason order by set_aside.position) filter (where behind is null))[1] as reason
       from postdate.consumer left join postdate.set_aside on set_aside.consumer = name and ended_at is null
      group by name
      order by name`,
  );
  return rows.map(({ since, reason, ...row }) => ({ ...row, since: since ?? undefined, reason: reason ?? undefined }));
}

/**
 * Has events that are set aside tried again, each with all that waits of its message, in order. Returns how many will be
 * tried.
 */
export async function sendAgain(db: Queryable, { consumer, eventId }: SetAsideSelection): Promise<number> {
  const { rows } = await db.query<{ events: number }>(
    `with chosen as (
       select consumer, entity, min(position) as position, count(*) as events from postdate.set_aside
        where ${OF_KNOWN} and ($1::text is null or consumer = $1)
        group by consumer, entity
       having $2::text is null or bool_or(event_id = $2)
     ), due as (
       update postdate.set_aside as first set next_try_at = clock_timestamp()
         from chosen where first.consumer = chosen.consumer and first.position = chosen.position
     )
     select coalesce(sum(events), 0)::integer as events from chosen`,
    [consumer ?? null, eventId ?? null],
  );
  return rows[0]?.events ?? 0;
}

/**
 * Gives up an event that a reader refuses, or has stopped at: it is never sent there, and those behind it are. False if there is
 * none such; one that only waits behind another cannot be given up.
 */
export async function skipSetAside(
  pool: Pool,
  { consumer, eventId, why }: Required<SetAsideSelection> & { why: string },
): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ entity: string }>(
      `update postdate.set_aside
          set outcome = 'skipped', ended_at = clock_timestamp(), next_try_at = null, reason = reason || '; skipped: ' || $3
        where consumer = $1 and event_id = $2 and ended_at is null and behind is null
       returning entity`,
      [consumer, eventId, storable(why)],
    );
    await tryNextOf(
      tx,
      consumer,
      rows.map(({ entity }) => entity),
    );
    return rows.length > 0 || skipStopped(tx, { consumer, eventId, why });
  });
}
