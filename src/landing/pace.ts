import type { Queryable } from '../database';

// A worker has the places of one group at a time, each a tenth of a second's worth or a single one. More than a thousand
// workers would be needed for the next place to be further ahead than this; rather the clock was wrong when it was taken.
const WORKERS = 1_000;
const LONGEST_GROUP_S = 0.1;

/**
 * Takes the next `landings` places of a topic's pace, which all workers on this database share; returns in how many ms
 * they may begin. Whoever takes places and dies leaves them empty: the pace is a ceiling, not a promise.
 */
export async function takePlaces(
  db: Queryable,
  topic: string,
  { landings, perSecond }: { landings: number; perSecond: number },
): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `insert into postdate.pace as pace (topic, next_at)
     values ($1, clock_timestamp() + make_interval(secs => $2))
     on conflict (topic) do update
        set next_at = make_interval(secs => $2) +
              case when pace.next_at between clock_timestamp() and clock_timestamp() + make_interval(secs => $3)
                   then pace.next_at else clock_timestamp() end
     returning greatest(0, extract(epoch from next_at - clock_timestamp()) - $2)::float8 * 1000 as ms`,
    [topic, landings / perSecond, WORKERS * Math.max(LONGEST_GROUP_S, 1 / perSecond)],
  );
  return rows[0]?.ms ?? 0;
}
