import { setTimeout as pause } from 'node:timers/promises';
import type { Queryable } from './pool';

// A worker takes the slots of one group at a time: a tenth of a second's worth, or a single slot. More than a thousand
// workers would be needed to push the next free slot further ahead than this. Then the clock was wrong when it was written.
const WORKERS = 1_000;
const LONGEST_GROUP_S = 0.1;

/**
 * Takes the next `slots` of a rate limit that all workers on this database share. Returns in how many ms the caller may
 * begin. A worker that takes slots and dies leaves them unused: the rate is a ceiling, not a promise.
 */
export async function takeSlots(
  db: Queryable,
  name: string,
  { slots, perSecond }: { slots: number; perSecond: number },
): Promise<number> {
  const { rows } = await db.query<{ ms: number }>(
    `insert into postdate.pace as pace (topic, next_at)
     values ($1, clock_timestamp() + make_interval(secs => $2))
     on conflict (topic) do update
        set next_at = make_interval(secs => $2) +
              case when pace.next_at between clock_timestamp() and clock_timestamp() + make_interval(secs => $3)
                   then pace.next_at else clock_timestamp() end
     returning greatest(0, extract(epoch from next_at - clock_timestamp()) - $2)::float8 * 1000 as ms`,
    [name, slots / perSecond, WORKERS * Math.max(LONGEST_GROUP_S, 1 / perSecond)],
  );
  return rows[0]?.ms ?? 0;
}

/** Waits until a topic's rate limit, if it has one, allows so many landings. */
export async function waitForSlots(
  db: Queryable,
  { name, landingsPerSecond: perSecond }: { name: string; landingsPerSecond?: number },
  slots: number,
): Promise<void> {
  if (perSecond === undefined) return;
  // Without the database there is no rate limit. The landing finds that out, too, and waits.
  const waitMs = await takeSlots(db, name, { slots, perSecond }).catch(() => 0);
  await pause(waitMs);
}
