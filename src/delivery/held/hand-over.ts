import type { Delivery } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import type { FallBackReason } from '../../platform/telemetry/lane-metrics';
import { columnsOf, ID_ARRAYS, NOBODY, rowsOf } from './held-rows';

/** Hands messages over to a lane: any of its workers takes them, unless a healthy worker holds them already. */
export async function handOver(db: Queryable, worker: string, lane: string, deliveries: Delivery[]): Promise<void> {
  const { columns, count } = rowsOf(deliveries);
  if (count === 0) return;
  await db.query({
    name: 'postdate.leave-to-lane',
    text: `insert into postdate.held (topic, tenant, key, cycle, delivery, worker, lane)
     select *, '${NOBODY}', $6 from unnest(${ID_ARRAYS}, $5::jsonb[]) order by 1, 2, 3, 4
     on conflict (topic, tenant, key, cycle) do update
        set worker = excluded.worker, lane = excluded.lane, delivery = excluded.delivery
      where held.worker = $7
         or not exists (select 1 from postdate.worker where id = held.worker and ${WORKER_IS_WELL})`,
    values: [...columns, lane, worker],
  });
}

/** Returns messages that a lane failed to land to stable, and counts them as failures of the lane. */
export async function returnToStable(
  db: Queryable,
  worker: string,
  lane: string,
  failed: { delivery: Delivery; why: string }[],
): Promise<void> {
  const deliveries = failed.map(({ delivery }) => delivery);
  await handOver(db, worker, STABLE, deliveries);
  await db.query(
    `insert into postdate.lane_failure (topic, tenant, key, cycle, lane, why)
     select topic, tenant, key, cycle, $6, why
       from unnest(${ID_ARRAYS}, $5::text[]) as given (topic, tenant, key, cycle, why) order by 1, 2, 3, 4
     on conflict (topic, lane, tenant, key, cycle) do update set why = excluded.why`,
    [...columnsOf(deliveries), failed.map(({ why }) => storable(why)), lane],
  );
}

// A live worker of the lane takes a message over within half a second.
const NOT_HELD_AFTER_MS = 1_000;
// A held message lands within milliseconds. A lane that needs this long gets no more time.
const NOT_LANDED_AFTER_MS = 2_000;

/**
 * Claims for stable the messages that their lanes do not land: those of a lane without a live worker, those that no
 * worker holds 1 s after they were due, and those that have not landed after 2 s. The last kind is not claimed in
 * `paced` topics: their landings are late by intent. Each counts as a failure of the lane, unless its last worker was
 * told to stop: a deploy of the lane is no failure.
 */
export async function claimFallbacks(
  db: Queryable,
  worker: string,
  { topics, paced, limit }: { topics: string[]; paced: string[]; limit: number },
): Promise<{ delivery: Delivery; lane: string; reason: FallBackReason }[]> {
  const { rows } = await db.query<{ delivery: Delivery; from_lane: string; reason: FallBackReason }>(
    `with found as (
       select topic, tenant, key, cycle, lane as from_lane,
              case when not is_served then 'notServed' when not is_held then 'notHeld' else 'notLanded' end as reason,
              case when is_served and is_held then 'it was not landed in time'
                   when is_served then 'nobody held it when it was due'
                   when has_died then 'its worker has died' end as why
         from postdate.held cross join lateral (
                select exists (select 1 from postdate.worker where id = held.worker and ${WORKER_IS_WELL}) as is_held,
                       exists (select 1 from postdate.worker
                                where id = held.worker and seen_at > '-infinity') as has_died,
                       exists (select 1 from postdate.worker
                                where worker.lane = held.lane and held.topic = any(worker.topics)
                                  and ${WORKER_IS_WELL}) as is_served,
                       extract(epoch from clock_timestamp()) * 1000
                         - (held.delivery->'message'->>'dueAt')::float8 as late_ms) as state
        where lane <> '${STABLE}' and topic = any($2)
          and ((not is_held and (not is_served or late_ms > ${NOT_HELD_AFTER_MS}))
               -- a topic with a landing rate is late by intent
               or (late_ms > ${NOT_LANDED_AFTER_MS} and topic <> all($4)))
        limit $3 for update of held skip locked
     ), failed as (
       insert into postdate.lane_failure (topic, lane, tenant, key, cycle, why)
       select topic, from_lane, tenant, key, cycle, why from found where why is not null order by 1, 2, 3, 4, 5
       on conflict (topic, lane, tenant, key, cycle) do nothing
     )
     update postdate.held
        set worker = $1, lane = '${STABLE}',
            delivery = held.delivery || jsonb_build_object('cameBackFrom', found.from_lane)
       from found
      where (held.topic, held.tenant, held.key, held.cycle) = (found.topic, found.tenant, found.key, found.cycle)
     returning held.delivery, found.from_lane, found.reason`,
    [worker, topics, limit, paced],
  );
  return rows.map(({ from_lane, ...one }) => ({ ...one, lane: from_lane }));
}
