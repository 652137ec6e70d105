import type { Queryable } from '../database';

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
        set next_at = greatest(pace.next_at, clock_timestamp()) + make_interval(secs => $2)
     returning greatest(0, extract(epoch from next_at - clock_timestamp()) - $2)::float8 * 1000 as ms`,
    [topic, landings / perSecond],
  );
  return rows[0]?.ms ?? 0;
}
