import type { Queryable } from '../../platform/database/pool';
import type { PostdateEvent } from '../outbox';

/** A delivery that this worker must try now. */
export interface ClaimedDelivery {
  webhookId: string;
  position: string;
  replay: number;
  eventId: string;
  /** The number of this try, from 1. */
  tries: number;
  url: string;
  /** The newest comes first. */
  secrets: Buffer[];
  /** Null if the outbox no longer has the event. */
  event: PostdateEvent | null;
}

// Much longer than a try can last. The claim therefore expires only for a worker that is dead or hangs.
const CLAIM_S = 60;
/** After so many failures in a row, one event cannot be the cause. The listener counts as away. */
export const AWAY_AFTER_FAILURES = 3;

/**
 * Claims deliveries for a worker, for a minute. Of each entity it takes only the first that waits. Of each webhook it
 * takes at most `perWebhook`, less those that are in flight here. A webhook gets one at a time while its listener
 * seems to be away.
 */
export async function claimDeliveries(
  db: Queryable,
  worker: string,
  { inFlight, perWebhook, limit }: { inFlight: ReadonlyMap<string, number>; perWebhook: number; limit: number },
): Promise<ClaimedDelivery[]> {
  const { rows } = await db.query<ClaimedDelivery>(
    // The order is random: otherwise the first webhooks would take all places for as long as they have a backlog. It
    // uses now(), because no index can be searched with clock_timestamp(). The condition is written as "is not null".
    // PostgreSQL has no statistics of a new backlog and takes that for likely, so it stops at the first few rows and
    // does not read all that wait.
    `with mine as materialized (
       select due.* from (
         select id, greatest(0, case when failures >= ${AWAY_AFTER_FAILURES} then 1 else $2::integer end
                                - coalesce(($3::jsonb->>id)::integer, 0)) as room
           from postdate.webhook
          where disabled_at is null and (resting_until is null or resting_until <= now())
          order by random()
       ) as ready cross join lateral (
         select webhook_id, position, replay from postdate.webhook_delivery as waiting
          where waiting.webhook_id = ready.id and next_try_at <= now()
            and (select case when count(*) = 0 then 'free' end from (
                   select 1 from postdate.webhook_delivery as earlier
                    where earlier.webhook_id = waiting.webhook_id and earlier.entity = waiting.entity
                      and earlier.next_try_at is not null
                      and (earlier.position, earlier.replay) < (waiting.position, waiting.replay)
                    limit 1) as any_earlier) is not null
          order by next_try_at
          limit ready.room
            for update skip locked
       ) as due
       limit $4
     )
     update postdate.webhook_delivery as delivery
        set claimed_by = $1, tries = tries + 1, tried_at = clock_timestamp(),
            next_try_at = clock_timestamp() + interval '${CLAIM_S} s'
       from mine
       join postdate.webhook on webhook.id = mine.webhook_id
       left join postdate.outbox on outbox.position = mine.position
      where delivery.webhook_id = mine.webhook_id and delivery.position = mine.position
        and delivery.replay = mine.replay
     returning delivery.webhook_id as "webhookId", delivery.position, delivery.replay, event_id as "eventId", tries, url,
               payload as event,
               array(select secret from postdate.webhook_secret as known
                      where known.webhook_id = delivery.webhook_id and (ends_at is null or ends_at > clock_timestamp())
                      order by created_at desc) as secrets`,
    [worker, perWebhook, JSON.stringify(Object.fromEntries(inFlight)), limit],
  );
  return rows;
}
