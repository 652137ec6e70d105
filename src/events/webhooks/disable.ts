import type { Pool } from 'pg';
import { inTransaction, type Queryable } from '../../platform/database/pool';
import { DELIVERY_COLUMNS, DELIVERY_OF_EVENT, IS_FOR_WEBHOOK, lockConsumer, WEBHOOKS_CONSUMER } from './queue';

/**
 * Sends nothing to the webhook from now on. Waiting and new events are sent once it is enabled again. False if it was
 * not enabled.
 */
export async function disableWebhook(db: Queryable, id: string, reason: string): Promise<boolean> {
  const { rowCount } = await db.query(
    `update postdate.webhook
        set disabled_at = clock_timestamp(), disabled_reason = $2,
            disabled_position = coalesce((select position from postdate.consumer where name = $3), 0)
      where id = $1 and disabled_at is null`,
    [id, reason, WEBHOOKS_CONSUMER],
  );
  return rowCount === 1;
}

/**
 * Enables a webhook again, and queues the events since it was disabled, as far as they are still kept. With `fromNow`
 * it skips those events and ends what waited as failed. Returns how many deliveries wait and how many were skipped;
 * undefined if it was enabled already.
 */
export async function enableWebhook(
  pool: Pool,
  id: string,
  { fromNow = false } = {},
): Promise<{ waiting: number; skipped: number } | undefined> {
  return inTransaction(pool, async (tx) => {
    // A webhook may have been disabled for weeks, so this can take longer than the pool's limit.
    await tx.query('set local statement_timeout = 0');
    const position = await lockConsumer(tx);
    const before = await tx.query<{ disabled_position: string | null }>(
      'select disabled_position from postdate.webhook where id = $1 for update',
      [id],
    );
    const from = before.rows[0]?.disabled_position ?? undefined;
    if (from === undefined) return undefined;
    await tx.query(
      `update postdate.webhook
          set disabled_at = null, disabled_reason = null, disabled_position = null, failures = 0, failing_since = null,
              resting_until = null,
              after_position = case when $2 then (select position from postdate.stream_head) else after_position end
        where id = $1`,
      [id, fromNow],
    );
    const skipped = fromNow
      ? await tx.query(
          `update postdate.webhook_delivery
              set outcome = 'failed', ended_at = clock_timestamp(), next_try_at = null, claimed_by = null,
                  failure = 'skipped, as its webhook was enabled from then on'
            where webhook_id = $1 and next_try_at is not null`,
          [id],
        )
      : undefined;
    if (!fromNow) {
      await tx.query(
        `insert into postdate.webhook_delivery (${DELIVERY_COLUMNS})
         select ${DELIVERY_OF_EVENT}
           from postdate.outbox as event join postdate.webhook on webhook.id = $1 and ${IS_FOR_WEBHOOK}
          where event.position > $2 and event.position <= $3
         on conflict do nothing`,
        [id, from, position],
      );
    }
    const { rowCount } = await tx.query(
      `update postdate.webhook_delivery
          set next_try_at = case when claimed_by is null then clock_timestamp() else next_try_at end
        where webhook_id = $1 and next_try_at is not null`,
      [id],
    );
    return { waiting: rowCount ?? 0, skipped: skipped?.rowCount ?? 0 };
  });
}
