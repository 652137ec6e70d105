import type { Pool } from 'pg';
import { inTransaction, type Queryable } from '../platform/database/pool';
import type { Consumer } from './consumer';

// A round of a listener is over in about a second. One that hangs is waited for in the next try.
const LOCK_TIMEOUT_MS = 5_000;

// Behind it is nothing: for consumers that have no position any more.
const LAST_POSITION = '9223372036854775807';

interface Row {
  partition: number;
  position: string;
}

/**
 * Divides a consumer into as many partitions as it declares, unless it is. It waits for the rounds that are in progress. The new
 * partitions begin where the last of the former ones was. What the others had handled after that is recorded, and not handled
 * again. So no event is lost, none is handled twice, and those of an entity stay in order.
 */
export async function divide(
  pool: Pool,
  { name, partitions = 1 }: Pick<Consumer, 'name' | 'partitions'>,
): Promise<void> {
  if ((await readPartitions(pool, name)).length === partitions) return;
  const work = async (tx: Queryable) => {
    // Keeps others from dividing it meanwhile. A statement of its own: what the others did is seen by the next one.
    await tx.query('select from postdate.consumer where name = $1 for update', [name]);
    const former = await readPartitions(tx, name, 'for update');
    if (former.length === partitions || former.length === 0) return;
    const positions = former.map(({ position }) => Number(position));
    const from = Math.min(...positions);
    if (positions.some((position) => position > from)) {
      await tx.query('insert into postdate.former_partitions (consumer, positions) values ($1, $2)', [name, positions]);
    }
    await tx.query('delete from postdate.consumer where part_of = $1', [name]);
    await tx.query(
      `update postdate.consumer
          set position = case when $2::integer = 1 then $3::bigint end, partitions = $2, failures = 0,
              failed_position = null, failed_since = null, failure = null, broke = false, next_try_at = null
        where name = $1`,
      [name, partitions, from],
    );
    if (partitions === 1) return;
    await tx.query(
      `insert into postdate.consumer (name, part_of, partition, partitions, position)
       select $1 || '#' || place, $1, place, $2, $3 from generate_series(0, $2::integer - 1) as place`,
      [name, partitions, from],
    );
  };
  await inTransaction(pool, work, { lockTimeoutMs: LOCK_TIMEOUT_MS });
}

async function readPartitions(db: Queryable, name: string, lock = ''): Promise<Row[]> {
  const { rows } = await db.query<Row>(
    `select partition, position from postdate.consumer
      where $1 in (name, part_of) and position is not null
      order by partition ${lock}`,
    [name],
  );
  return rows;
}

/**
 * Removes the records of how consumers were divided before, once all their partitions are past what was handled then, and those
 * of consumers that are no more. Returns how many.
 */
export async function pruneFormerPartitions(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.former_partitions as former
      where (select max(was) from unnest(positions) as was)
            <= (select coalesce(min(position), ${LAST_POSITION}) from postdate.consumer
                 where former.consumer in (name, part_of))`,
  );
  return rowCount ?? 0;
}
