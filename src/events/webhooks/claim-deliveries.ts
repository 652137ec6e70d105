import type { Queryable } from '../../platform/database/pool';
import type { PostdateEvent } from '../outbox';
import { type InFlight, takeInTurns } from './tenant-turns';

/** A delivery that this worker must try now. */
export interface ClaimedDelivery extends InFlight {
  /** The tenant's place in the order of turns of this claim, from 1. */
  turn: number;
  position: string;
  replay: number;
  eventId: string;
  /** The number of this try, from 1. */
  tries: number;
  url: string;
  /** The newest comes first. */
  secrets: Buffer[];
  /** Whether the webhook is registered to answer. */
  mayAnswer: boolean;
  /** Null if the outbox no longer has the event. */
  event: PostdateEvent | null;
}

// Enough for one webhook of many tenants, and few enough to be locked for a moment.
const CANDIDATES_PER_PLACE = 4;
// Much longer than a try can last. The claim therefore expires only for a worker that is dead or hangs.
const CLAIM_S = 60;
/** After so many failures in a row, one event cannot be the cause. The listener counts as away. */
export const AWAY_AFTER_FAILURES = 3;

/**
 * Claims deliveries for a worker, for a minute. Of each entity it takes only the first that waits. Of each webhook it
 * takes at most `perWebhook`, less those that are in flight here. A webhook gets one at a time while its listener
 * seems to be away. The tenants that have something to send share the worker's `places` equally, and one share stays free
 * for the next tenant: listeners that are slow to answer take no place from others. Webhooks of all tenants count as one.
 * Within such a webhook the tenants take turns, from the one after that in `after`, and the last place goes to a tenant without another.
 */
export async function claimDeliveries(
  db: Queryable,
  worker: string,
  {
    inFlight,
    after = new Map(),
    perWebhook,
    places,
    limit,
  }: {
    inFlight: readonly InFlight[];
    after?: ReadonlyMap<string, string>;
    perWebhook: number;
    places: number;
    limit: number;
  },
): Promise<ClaimedDelivery[]> {
  const { rows } = await db.query<ClaimedDelivery>(
    // The order is random within each turn: otherwise the first webhooks would take all places for as long as they have a
    // backlog. Rows that a fair share leaves out are locked until the statement ends.
    `with taken as materialized (
       select webhook_id, tenant, count(*)::integer as places
         from jsonb_to_recordset($3) as delivery ("webhookId" text, tenant text)
         cross join lateral (select "webhookId" as webhook_id) as named
        group by webhook_id, tenant
     ), busy as (
       select webhook.tenant, sum(places)::integer as places
         from taken join postdate.webhook on id = webhook_id group by webhook.tenant
     ), ready as materialized (
       select id, tenant, $6::jsonb->>id as after,
              case when tenant = '*' and $2 > 1 and failures < ${AWAY_AFTER_FAILURES} then 1 else 0 end as spared,
              greatest(0, case when failures >= ${AWAY_AFTER_FAILURES} then 1 else $2::integer end
                          - coalesce((select sum(places) from taken where webhook_id = id), 0)::integer) as room
         from postdate.webhook
        where disabled_at is null and (resting_until is null or resting_until <= now())
          and exists (select from postdate.webhook_delivery where webhook_id = id and next_try_at <= now() and not behind)
     ), share as (
       select greatest(1, $5::integer / (count(*) + 1)) as places
         from (select tenant from ready union select tenant from busy) as tenants
     ), turns as (
       select ready.*, coalesce(busy.places, 0) as busy, share.places as share,
              row_number() over (partition by tenant order by random()) as turn
         from ready left join busy using (tenant) cross join share
        where room > 0 and coalesce(busy.places, 0) < share.places
     ), candidate as materialized (
       select due.*, webhook.tenant as whose, webhook.nth, busy, share
         from (select *, row_number() over (order by turn, random()) as nth from turns order by nth) as webhook
        cross join lateral (${takeInTurns('webhook')}) as due
       limit ${CANDIDATES_PER_PLACE} * $5
     ), placed as (
       select *, busy + row_number() over (partition by whose order by nth, rank) as place from candidate
     ), mine as materialized (
       select webhook_id, position, replay, tenant, turn from placed where place <= share order by place limit $4
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
               mine.tenant, mine.turn,
               webhook.answers as "mayAnswer",
               payload as event,
               array(select secret from postdate.webhook_secret as known
                      where known.webhook_id = delivery.webhook_id and (ends_at is null or ends_at > clock_timestamp())
                      order by created_at desc) as secrets`,
    [worker, perWebhook, JSON.stringify(inFlight), limit, places, JSON.stringify(Object.fromEntries(after))],
  );
  return rows;
}
