import type { Queryable } from '../database';

// Longer than any pause: what lies further ahead was written by a clock that was wrong.
const FURTHEST_AHEAD = '25 hours';

/** Brings back what a clock that was ahead has put further off than any pause. */
export async function undoClockJumps(db: Queryable): Promise<void> {
  await db.query(
    `update postdate.webhook_delivery set next_try_at = clock_timestamp()
      where next_try_at > clock_timestamp() + interval '${FURTHEST_AHEAD}'`,
  );
  await db.query(
    `update postdate.webhook set resting_until = null
      where resting_until > clock_timestamp() + interval '${FURTHEST_AHEAD}'`,
  );
}

/** How much waits for webhooks that are enabled, and the oldest of it for how many ms. */
export async function readBacklog(db: Queryable): Promise<{ waiting: number; oldestMs: number }> {
  const { rows } = await db.query<{ waiting: number; oldest_ms: number }>(
    `select count(*)::integer as waiting,
            coalesce(greatest(0, extract(epoch from clock_timestamp() - min(queued_at))) * 1000, 0)::float8 as oldest_ms
       from postdate.webhook_delivery as delivery join postdate.webhook on webhook.id = delivery.webhook_id
      where next_try_at is not null and disabled_at is null`,
  );
  const { waiting = 0, oldest_ms: oldestMs = 0 } = rows[0] ?? {};
  return { waiting, oldestMs };
}
