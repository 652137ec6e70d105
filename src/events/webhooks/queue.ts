import type { Pool } from 'pg';
import { inTransaction, type Queryable } from '../../platform/database/pool';

/** The one consumer of the stream that serves all webhooks. */
export const WEBHOOKS_CONSUMER = 'webhooks';

const BATCH = 500;

/** SQL: whether a row of postdate.outbox, `event`, is for a row of postdate.webhook. */
export const IS_FOR_WEBHOOK = `
  (webhook.tenant = '*' or webhook.tenant = event.payload->>'tenant')
  and (webhook.topics is null or event.aggregatetype = any(webhook.topics))
  and (webhook.types is null or event.type = any(webhook.types))`;

/** SQL: what a delivery of `event` is about: topic and subject. */
const ENTITY = `event.aggregatetype || ' ' || event.aggregateid`;
/**
 * SQL: the values that a delivery takes from `event`, in the order of DELIVERY_COLUMNS. All but the first of an entity are behind
 * another one of the same statement.
 */
export const DELIVERY_OF_EVENT = `webhook.id, event.position, event.id, ${ENTITY},
  row_number() over (partition by webhook.id, ${ENTITY} order by event.position) > 1`;
export const DELIVERY_COLUMNS = 'webhook_id, position, event_id, entity, behind';

/** Locks the consumer's row, so that no batch is queued during this transaction. Returns its position. */
export async function lockConsumer(tx: Queryable): Promise<number> {
  const { rows } = await tx.query<{ position: string }>(
    'select position from postdate.consumer where name = $1 for update',
    [WEBHOOKS_CONSUMER],
  );
  return Number(rows[0]?.position ?? 0);
}

/**
 * Queues the next events of the stream for all webhooks that want them, and moves the position in the same transaction.
 * No event is lost, even if no listener can be reached. Returns the number of events and of deliveries.
 */
export async function queueBatch(pool: Pool, limit = BATCH): Promise<{ events: number; deliveries: number }> {
  return inTransaction(pool, async (tx) => {
    const mine = await tx.query<{ position: string }>(
      `select position from postdate.consumer
        where name = $1 and position < (select position from postdate.stream_head)
          for update skip locked`,
      [WEBHOOKS_CONSUMER],
    );
    if (!mine.rows[0]) return { events: 0, deliveries: 0 };
    // A second statement, for a new snapshot: enabling a webhook holds the row that was just locked, and this must see
    // its result.
    const { rows } = await tx.query<{ events: number; deliveries: number }>(
      `with event as materialized (
         select * from postdate.outbox
          where position > $2 and position <= (select position from postdate.stream_head)
          order by position limit $3
       ), wanted as materialized (
         select webhook.id as webhook_id, event.position, event.id as event_id, ${ENTITY} as entity
           from event join postdate.webhook
             on webhook.disabled_at is null and event.position > webhook.after_position and ${IS_FOR_WEBHOOK}
       ), before as materialized (
         -- The last that waits of each entity. The lock keeps it waiting until this commits: if it ended before, a delivery that is
         -- marked as behind it would stay so.
         select entities.* from (select distinct webhook_id, entity from wanted) as entities
          cross join lateral (
                select from postdate.webhook_delivery as last
                 where last.webhook_id = entities.webhook_id and last.entity = entities.entity and next_try_at is not null
                 order by position desc, replay desc limit 1 for share skip locked) as last
       ), queued as (
         insert into postdate.webhook_delivery (${DELIVERY_COLUMNS})
         select webhook_id, position, event_id, entity,
                before.entity is not null or row_number() over (partition by webhook_id, entity order by position) > 1
           from wanted left join before using (webhook_id, entity)
         on conflict do nothing
         returning 1
       ), moved as (
         update postdate.consumer
            set position = (select max(position) from event), updated_at = clock_timestamp()
          where name = $1 and exists (select 1 from event)
       )
       select (select count(*) from event)::integer as events, (select count(*) from queued)::integer as deliveries`,
      [WEBHOOKS_CONSUMER, mine.rows[0].position, limit],
    );
    return rows[0] as { events: number; deliveries: number };
  });
}
