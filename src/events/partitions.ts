import type { Queryable } from '../platform/database/pool';
import { storable } from '../platform/database/storable';

/** A partition of a consumer, as the transaction that has taken it found it. */
export interface Partition {
  /** Of its row in postdate.consumer: the consumer's own, if that has one partition. */
  name: string;
  consumer: string;
  /** From 0. */
  place: number;
  partitions: number;
  position: number;
  /** How many rounds in a row have ended at the event at `failedPosition`, and why. `broke`: its connection broke at it. */
  failures: number;
  failedPosition?: number;
  failure?: string;
  broke: boolean;
}

/** Why a partition does not go past an event, and when it is tried again, in s from now. */
export interface PartitionFailure {
  position: number;
  reason: string;
  broke?: boolean;
  pauseS: number;
  /** The position up to which it has come. */
  moveTo?: number;
}

/** The longest pause of a partition between two tries. A `next_try_at` further ahead was written by a wrong clock. */
export const LONGEST_PAUSE_S = 60;

/**
 * SQL: the partition of an entity. By SHA-256: PostgreSQL's own hashes may differ between its releases, and between machines,
 * and a restored backup would then lead an entity to a partition at another position.
 */
export const partitionOf = (entity: string, partitions: string): string =>
  `case when ${partitions} = 1 then 0 else
     ('x' || left(encode(sha256(convert_to(${entity}, 'UTF8')), 'hex'), 8))::bit(32)::bigint % ${partitions} end`;

/** SQL: the entity of a row of the outbox, by its columns. */
export const ENTITY_OF_ROW = `aggregatetype || ' ' || aggregateid`;

/**
 * Takes a partition of a consumer that has something to do and that no other transaction has: the one that has waited longest,
 * and those that fail after all others. It is locked until this transaction ends, so a worker that dies gives it back by that.
 * `patient`: not one that is to be tried again later.
 */
export async function takePartition(
  tx: Queryable,
  consumer: string,
  { patient }: { patient: boolean },
): Promise<Partition | undefined> {
  const { rows } = await tx.query<PartitionRow>(
    `select name, partition, partitions, position, failures, failed_position, failure, broke
       from postdate.consumer as part
      where $1 in (name, part_of) and position is not null
        and (not $2::boolean or next_try_at is null
             or next_try_at not between clock_timestamp() and clock_timestamp() + interval '${LONGEST_PAUSE_S} s')
        and (position < (select position from postdate.stream_head)
             or exists (select 1 from postdate.set_aside as aside
                         where consumer = $1 and ended_at is null and next_try_at <= clock_timestamp()
                           and aside.position <= part.position
                           and ${partitionOf('entity', 'partitions')} = partition))
      order by failures > 0, updated_at
      limit 1
        for update skip locked`,
    [consumer, patient],
  );
  const [row] = rows;
  if (!row) return undefined;
  const { name, partition: place, partitions, failures, broke } = row;
  const failed = row.failed_position === null ? {} : { failedPosition: Number(row.failed_position) };
  const failure = row.failure ?? undefined;
  return { name, consumer, place, partitions, position: Number(row.position), failures, ...failed, failure, broke };
}

interface PartitionRow {
  name: string;
  partition: number;
  partitions: number;
  position: string;
  failures: number;
  failed_position: string | null;
  failure: string | null;
  broke: boolean;
}

/** Moves a partition on, behind the others that wait for their turn. It no longer counts as failing, unless told to. */
export async function moveOn(
  tx: Queryable,
  { name }: Partition,
  position: number,
  { stillFails }: { stillFails: boolean },
): Promise<void> {
  await tx.query(
    `update postdate.consumer
        set position = $2, updated_at = clock_timestamp(),
            failures = case when $3 then failures else 0 end,
            failed_position = case when $3 then failed_position end,
            failed_since = case when $3 then failed_since end,
            failure = case when $3 then failure end,
            broke = $3 and broke,
            next_try_at = null
      where name = $1`,
    [name, position, stillFails],
  );
}

/**
 * Moves a partition up to `moveTo`, if given, and records that it cannot go past an event. Nothing, if it has moved or was divided
 * anew since it was taken.
 */
export async function recordFailure(
  db: Queryable,
  { name, partitions, position: at }: Pick<Partition, 'name' | 'partitions' | 'position'>,
  { position, reason, broke = false, pauseS, moveTo = at }: PartitionFailure,
): Promise<void> {
  await db.query(
    // One statement: at a second change of a row in one transaction PostgreSQL looks its consumer up, and would wait for the one
    // that divides it, which waits for this round.
    `update postdate.consumer
        set position = $8,
            failures = case when failed_position = $2 then failures else 0 end + 1,
            failed_since = case when failed_position = $2 then failed_since else clock_timestamp() end,
            failed_position = $2, failure = $3, broke = $4, updated_at = clock_timestamp(),
            next_try_at = clock_timestamp() + make_interval(secs => $5)
      where name = $1 and position = $6 and partitions = $7`,
    [name, position, storable(reason), broke, pauseS, at, partitions, moveTo],
  );
}
