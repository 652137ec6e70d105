import type { Pool } from 'pg';
import { inTransaction } from '../../platform/database/pool';
import { DELIVERY_COLUMNS, DELIVERY_OF_EVENT, IS_FOR_WEBHOOK } from './queue';

/**
 * What to send again: one event, the events in a range of positions (`from` excluded, `to` included), or all that were
 * given up.
 */
export type ReplaySelection = { eventId: string } | { from: number; to?: number } | { failed: true };

const IS_SELECTED = `
  case when $2::text is not null then event.id = $2
       when $3::bigint is not null then event.position > $3 and event.position <= coalesce($4, event.position)
       else event.position in (select position from postdate.webhook_delivery as latest
                                where latest.webhook_id = $1
                                group by position
                               having (array_agg(outcome order by replay desc))[1] = 'failed') end`;

const valuesOf = (webhookId: string, selection: ReplaySelection) => [
  webhookId,
  'eventId' in selection ? selection.eventId : null,
  'from' in selection ? selection.from : null,
  'from' in selection ? (selection.to ?? null) : null,
];

/**
 * Queues events for a webhook again, or for the first time. Each gets a delivery of its own, so that the log keeps the
 * earlier ones. An event that waits already becomes due now. With `dryRun` it only counts. Returns how many events were
 * queued and how many were waiting. Events that are no longer kept count in neither.
 */
export async function replayDeliveries(
  pool: Pool,
  webhookId: string,
  selection: ReplaySelection,
  { dryRun = false } = {},
): Promise<{ queued: number; waiting: number }> {
  const values = valuesOf(webhookId, selection);
  // Materialized: the selection is read once, so that the counts are those of the queued rows.
  const selected = `with selected as materialized (
      select event.position, event.id, event.aggregatetype, event.aggregateid, webhook.id as webhook_id,
             (select max(replay) from postdate.webhook_delivery as earlier
               where earlier.webhook_id = $1 and earlier.position = event.position) as last_replay,
             exists (select 1 from postdate.webhook_delivery as waiting
                      where waiting.webhook_id = $1 and waiting.position = event.position
                        and next_try_at is not null) as waits
        from postdate.outbox as event join postdate.webhook on webhook.id = $1 and ${IS_FOR_WEBHOOK}
       where event.position is not null and ${IS_SELECTED})`;
  return inTransaction(pool, async (tx) => {
    // All kept events may be many, so this can take longer than the pool's limit.
    await tx.query('set local statement_timeout = 0');
    if (dryRun) {
      const { rows } = await tx.query<{ queued: number; waiting: number }>(
        `${selected}
         select count(*) filter (where not waits)::integer as queued, count(*) filter (where waits)::integer as waiting
           from selected`,
        values,
      );
      return rows[0] as { queued: number; waiting: number };
    }
    const { rows } = await tx.query<{ queued: number; waiting: number }>(
      `${selected}, queued as (
         insert into postdate.webhook_delivery (${DELIVERY_COLUMNS}, replay)
         select ${DELIVERY_OF_EVENT}, coalesce(event.last_replay + 1, 0)
           from selected as event join postdate.webhook on webhook.id = event.webhook_id
          where not waits
         on conflict do nothing
         returning 1
       ), hastened as (
         update postdate.webhook_delivery as delivery
            set next_try_at = case when claimed_by is null then clock_timestamp() else next_try_at end
           from selected
          where waits and delivery.webhook_id = $1 and delivery.position = selected.position
            and next_try_at is not null
         returning 1
       )
       select (select count(*) from queued)::integer as queued, (select count(*) from hastened)::integer as waiting`,
      values,
    );
    return rows[0] as { queued: number; waiting: number };
  });
}
