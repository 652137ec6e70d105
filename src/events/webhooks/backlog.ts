import type { Queryable } from '../../platform/database/pool';

// Longer than any pause between tries (a day at most). Only a clock that was wrong can have written a later instant.
const FURTHEST_AHEAD = '25 hours';

/** Makes deliveries and webhooks due now if a clock that ran ahead had postponed them beyond any pause. */
export async function undoClockJumps(db: Queryable): Promise<void> {
  await db.query(
    `update postdate.webhook_delivery set next_try_at = clock_timestamp()
      where next_try_at > clock_timestamp() + interval '${FURTHEST_AHEAD}' and not behind`,
  );
  await db.query(
    `update postdate.webhook set resting_until = null
      where resting_until > clock_timestamp() + interval '${FURTHEST_AHEAD}'`,
  );
}

/** Frees deliveries that are marked as behind another one, and are the first of their entity: by hand, rows can be changed in any way. */
export async function freeFirstDeliveries(db: Queryable): Promise<void> {
  await db.query(
    `update postdate.webhook_delivery as delivery set behind = false
      where next_try_at is not null and behind and not exists (
              select from postdate.webhook_delivery as earlier
               where earlier.webhook_id = delivery.webhook_id and earlier.entity = delivery.entity
                 and earlier.next_try_at is not null
                 and (earlier.position, earlier.replay) < (delivery.position, delivery.replay))`,
  );
}

/** How many deliveries wait for enabled webhooks, and for how many ms the oldest has waited. */
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
