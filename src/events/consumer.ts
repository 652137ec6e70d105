import type { Pool } from 'pg';
import { ConfigError } from '../platform/config-error';
import { inTransaction, type Queryable } from '../platform/database/pool';
import type { Listener } from './handle-event';

/** A listener. What it does with an event in `tx` and the move of its position commit together. */
export interface Consumer extends Listener {
  /** Where a new consumer begins. A known one goes on where it was. */
  from: 'start' | 'end';
  /**
   * How many events of different entities it may handle at the same time, over all workers; default 1. Those of one entity come
   * in order, whatever the number. A worker that starts with another number divides the consumer anew.
   */
  partitions?: number;
}

const MOST_PARTITIONS = 256;
const MOST_TRIES = 100;

/** Declares a listener. Throws a `ConfigError` if its number of partitions or of tries is unusable. */
export function defineConsumer(consumer: Consumer): Consumer {
  const { name, partitions = 1, onFailure = 'stop' } = consumer;
  mustBeWhole(`consumer ${name}: partitions`, partitions, MOST_PARTITIONS);
  if (onFailure !== 'stop') {
    mustBeWhole(`consumer ${name}: onFailure.setAsideAfterTries`, onFailure.setAsideAfterTries, MOST_TRIES);
  }
  return consumer;
}

function mustBeWhole(field: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new ConfigError(`${field}: must be a whole number from 1 to ${most}`);
}

/** Subscribes a consumer at the start or the end of the stream. A known consumer stays where it is. */
export async function subscribe(db: Queryable, { name, from }: Pick<Consumer, 'name' | 'from'>): Promise<void> {
  await db.query(
    // One of its name that was given up may have left a record of what it had handled.
    `with added as (
       insert into postdate.consumer (name, position)
       select $1, case when $2 = 'start' then 0 else position end from postdate.stream_head
       on conflict (name) do nothing
       returning name)
     delete from postdate.former_partitions using added where consumer = added.name`,
    [name, from],
  );
}

/**
 * Sets where the consumer goes on: 0 replays everything, a position replays what comes after it. A partition that is behind
 * that position stays where it is.
 */
export async function replayFrom(pool: Pool, name: string, position: number): Promise<void> {
  await inTransaction(pool, async (tx) => {
    // The consumer's own row keeps others from dividing it meanwhile.
    const known = await tx.query('select from postdate.consumer where name = $1 for update', [name]);
    if (known.rowCount === 0) throw new Error(`there is no consumer named ${name}`);
    await tx.query(
      `update postdate.consumer
          set position = case when part_of is null then $2 else least(position, $2) end,
              failures = 0, failed_position = null, failed_since = null, failure = null, broke = false, next_try_at = null
        where $1 in (name, part_of) and position is not null`,
      [name, position],
    );
    // What came after that position is to be handled again, however the consumer was divided then.
    await tx.query(
      `update postdate.former_partitions
          set positions = (select array_agg(least(was, $2) order by place)
                             from unnest(positions) with ordinality as former (was, place))
        where consumer = $1`,
      [name, position],
    );
  });
}
