/** SQL: the tenant of a row of postdate.webhook_delivery. As in the index webhook_delivery_turn, which only this text finds. */
const TENANT = `split_part(split_part(entity, ' ', 2), '/', 1) collate "C"`;

// SQL: the waiting delivery can be sent now, and no earlier one of its entity waits. It uses now(), because no index can be
// searched with clock_timestamp(). The condition is written as "is not null". PostgreSQL has no statistics of a new
// backlog and takes that for likely, so it stops at the first few rows and does not read all that wait. Nearly all that have an
// earlier one are marked as behind it, and not read at all.
const CAN_BE_SENT = `
  next_try_at <= now() and not behind
  and (select case when count(*) = 0 then 'free' end from (
         -- As a range, which only one index has in order: where one entity has most of the rows, PostgreSQL would take an equality for
         -- likely, and read the rows of others until it finds one.
         select 1 from postdate.webhook_delivery as earlier
          where (earlier.webhook_id, earlier.entity) >= (waiting.webhook_id, waiting.entity)
            and (earlier.webhook_id, earlier.entity, earlier.position, earlier.replay)
                < (waiting.webhook_id, waiting.entity, waiting.position, waiting.replay)
            and earlier.next_try_at is not null
          order by earlier.webhook_id, earlier.entity, earlier.position, earlier.replay limit 1) as any_earlier) is not null`;

/**
 * SQL: locks deliveries of one webhook that can be sent now, at most `room` rows, for its tenants in turn. `webhook` is a
 * row with its id, its `room`, the tenant `after` which the turns go on (null: from the beginning), and `spared`: how many
 * of the rows are only for tenants without a delivery in progress. `taken` has the deliveries in progress by webhook and
 * tenant. Each row has its `tenant`, its `turn` in the order of tenants, and its `rank`.
 */
export const takeInTurns = (webhook: string) => `
  -- Steps from tenant to tenant by an index, however many deliveries one of them has, and once around. A step that finds
  -- no further tenant goes back to the beginning.
  with recursive walk (tenant, from_at, around, step) as (
    select coalesce(${webhook}.after, '') collate "C",
           case when ${webhook}.after is null then '-infinity' else 'infinity' end::timestamptz,
           ${webhook}.after is null, 0
    union all
    select coalesce(next.tenant, '') collate "C",
           case when next.tenant is null then '-infinity' else 'infinity' end::timestamptz,
           around or next.tenant is null, step + 1
      from walk left join lateral (
        select ${TENANT} as tenant from postdate.webhook_delivery as waiting
         where webhook_id = ${webhook}.id and (${TENANT}, next_try_at) > (walk.tenant, walk.from_at) and ${CAN_BE_SENT}
         order by ${TENANT}, next_try_at
         limit 1
      ) as next on true
     where step <= ${webhook}.room
       and case when around then next.tenant <= coalesce(${webhook}.after, next.tenant) collate "C" else true end
  ), due as (
    select sendable.*, walk.tenant, step as turn,
           row_number() over (partition by step order by next_try_at)
             + coalesce((select places from taken where taken.webhook_id = ${webhook}.id and taken.tenant = walk.tenant), 0)
             as nth
      from walk cross join lateral (
        select webhook_id, position, replay, next_try_at from postdate.webhook_delivery as waiting
         where webhook_id = ${webhook}.id and ${TENANT} = walk.tenant and ${CAN_BE_SENT}
         order by next_try_at
         limit ${webhook}.room
           for update skip locked
      ) as sendable
     where step > 0 and walk.from_at = 'infinity'
  ), ranked as (
    select due.*, row_number() over (order by nth, turn) as rank from due
  )
  select webhook_id, position, replay, tenant, turn, rank from ranked
   where rank <= case when nth = 1 then ${webhook}.room else ${webhook}.room - ${webhook}.spared end`;

/** A delivery in progress. */
export interface InFlight {
  webhookId: string;
  tenant: string;
}

/** What a worker remembers of its deliveries between claims: those in progress, and after which tenant each webhook goes on. */
export function createTurns() {
  const inFlight = new Set<InFlight>();
  const after = new Map<string, { tenant: string; turn: number }>();
  return {
    inFlight: () => [...inFlight],
    after: () => new Map([...after].map(([webhookId, { tenant }]) => [webhookId, tenant])),
    /** The next claim goes on behind the last of these. */
    begin(claimed: readonly (InFlight & { turn: number })[]): void {
      for (const { webhookId } of claimed) after.delete(webhookId);
      for (const { webhookId, tenant, turn } of claimed) {
        if (turn > (after.get(webhookId)?.turn ?? 0)) after.set(webhookId, { tenant, turn });
      }
      for (const delivery of claimed) inFlight.add(delivery);
    },
    end: (delivery: InFlight) => void inFlight.delete(delivery),
  };
}
