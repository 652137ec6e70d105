import type { Queryable } from '../platform/database/pool';
import { storable } from '../platform/database/storable';
import { entityOf } from './outbox';
import { ENTITY_OF_ROW, type Partition, partitionOf } from './partitions';
import { type PayloadRow, type StreamRow, streamRowOf } from './stream';

/** The first pause of an event that may be taken at a later try. */
export const RETRY_S = 5;
const LONGEST_RETRY_S = 3_600;

/** A row that is to be tried again, how often it has been tried, and as whose event it waits. */
export type DueRow = StreamRow & { tries: number; waitsAs: string };

/** When an event that has been tried so often is tried again by itself, in ms from now; undefined if it waits for an operator. */
export const retryInMs = (tries: number, most: number | undefined): number | undefined =>
  most === undefined || tries >= most
    ? undefined
    : Math.min(LONGEST_RETRY_S, RETRY_S * 2 ** Math.min(tries - 1, 20)) * 1_000;

/** An event that a reader of the stream leaves behind its position. */
export interface SetAside {
  position: number;
  id: string;
  entity: string;
  reason: string;
  /** The position of the event of the same entity that it waits behind. Undefined for one that was refused itself. */
  behind?: number;
  /** When it is tried again without an operator, in ms from now. Undefined for one that was refused for good. */
  retryInMs?: number;
}

/** The entity of a row. A row that holds no event is one by itself, and holds up nothing. */
export const entityOfRow = ({ event, position }: StreamRow): string => (event ? entityOf(event) : `#${position}`);

/** Records events as set aside for a reader. One that is recorded already gets the new reason. */
export async function setAside(tx: Queryable, consumer: string, events: SetAside[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `insert into postdate.set_aside as known (consumer, position, event_id, entity, reason, behind, tries, next_try_at)
     select $1, position, id, entity, reason, behind, (behind is null)::integer,
            clock_timestamp() + make_interval(secs => retry_s)
       from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::float8[])
         as given (position, id, entity, reason, behind, retry_s)
     on conflict (consumer, position) do update
        set entity = excluded.entity, reason = excluded.reason, behind = excluded.behind, tries = known.tries + excluded.tries, next_try_at = excluded.next_try_at,
            set_aside_at = case when known.ended_at is null then known.set_aside_at else clock_timestamp() end,
            ended_at = null, outcome = null`,
    [
      consumer,
      events.map(({ position }) => position),
      events.map(({ id }) => id),
      events.map(({ entity }) => entity),
      events.map(({ reason }) => storable(reason)),
      events.map(({ behind }) => behind ?? null),
      events.map(({ retryInMs }) => (retryInMs === undefined ? null : retryInMs / 1_000)),
    ],
  );
}

/** Which of these rows are set aside already, and the first position that is set aside of each of their entities. */
export async function readWaiting(
  tx: Queryable,
  consumer: string,
  rows: StreamRow[],
): Promise<{ positions: Set<number>; firstOf: Map<string, number> }> {
  const { rows: found } = await tx.query<{ entity: string; first: string; positions: string[] | null }>(
    `select entity, min(position) as first, array_agg(position) filter (where position = any($3)) as positions
       from postdate.set_aside
      where consumer = $1 and entity = any($2) and ended_at is null
      group by entity`,
    [consumer, [...new Set(rows.map(entityOfRow))], rows.map(({ position }) => position)],
  );
  return {
    positions: new Set(found.flatMap(({ positions }) => positions ?? []).map(Number)),
    firstOf: new Map(found.map(({ entity, first }) => [entity, Number(first)])),
  };
}

/** Whether a reader has events that are to be tried again now. */
export async function isAnyDue(db: Queryable, consumer: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `select 1 from postdate.set_aside
      where consumer = $1 and ended_at is null and next_try_at <= clock_timestamp() limit 1`,
    [consumer],
  );
  return rowCount === 1;
}

/**
 * Reads events that are to be tried again now: the first that wait of each such entity, in the stream's order. Of a partition,
 * if one is given: those up to its position, as it comes to the others by itself.
 */
export async function readDue(
  tx: Queryable,
  consumer: string,
  limit: number,
  partition?: Pick<Partition, 'place' | 'partitions' | 'position'>,
): Promise<DueRow[]> {
  const { rows } = await tx.query<PayloadRow & { tries: number; waits_as: string }>(
    `with due as (
       select distinct entity from (
         select entity from postdate.set_aside
          where consumer = $1 and ended_at is null and next_try_at <= clock_timestamp()
            and ($3::bigint is null
                 or position <= $3 and ${partitionOf('entity', '$4::integer')} = $5::integer) limit $2) as first)
     select position, event_id as id, payload, tries, set_aside.entity as waits_as,
            case when $3 is not null then ${ENTITY_OF_ROW} end as entity
       from postdate.set_aside join due using (entity) left join postdate.outbox using (position)
      where consumer = $1 and ended_at is null and ($3 is null or position <= $3)
      order by position limit $2`,
    [consumer, limit, partition?.position ?? null, partition?.partitions ?? null, partition?.place ?? null],
  );
  return rows.map(({ tries, waits_as: waitsAs, ...row }) => ({ ...streamRowOf(row), tries, waitsAs }));
}

/** Ends events as sent. The next that wait of their entities are tried at once. */
export async function endAsSent(
  tx: Queryable,
  consumer: string,
  events: Pick<SetAside, 'position' | 'entity'>[],
): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    `update postdate.set_aside set outcome = 'sent', ended_at = clock_timestamp(), next_try_at = null
      where consumer = $1 and position = any($2)`,
    [consumer, events.map(({ position }) => position)],
  );
  await tryNextOf(
    tx,
    consumer,
    events.map(({ entity }) => entity),
  );
}

/** Has the first event that waits of each of these entities tried at once, unless it was refused itself. */
export async function tryNextOf(tx: Queryable, consumer: string, entities: string[]): Promise<void> {
  await tx.query(
    `update postdate.set_aside as next set next_try_at = clock_timestamp()
       from (select entity, min(position) as position from postdate.set_aside
              where consumer = $1 and entity = any($2) and ended_at is null group by entity) as first
      where next.consumer = $1 and next.position = first.position and behind is not null`,
    [consumer, entities],
  );
}

/**
 * Has the entities of these rows tried again later: at most an hour, which doubles from five seconds with each try. After
 * `tries` of them, if given, they wait for an operator.
 */
export async function postpone(
  tx: Queryable,
  consumer: string,
  rows: Pick<StreamRow, 'position'>[],
  reason: string,
  tries?: number,
): Promise<void> {
  await tx.query(
    `update postdate.set_aside
        set tries = tries + 1, reason = $3, behind = null,
            next_try_at = case when $4::integer is null or tries + 1 < $4 then
              clock_timestamp() + least(${LONGEST_RETRY_S}, ${RETRY_S} * power(2, least(tries, 20))) * interval '1 s' end
      where consumer = $1 and position = any($2) and next_try_at is not null`,
    [consumer, rows.map(({ position }) => position), storable(reason), tries ?? null],
  );
}
