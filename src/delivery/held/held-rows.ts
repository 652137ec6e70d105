import { refuseUnstorable } from '../../message/admission';
import type { Delivery } from '../../message/contract';
import type { Queryable } from '../../platform/database/pool';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { fullNamesOf } from '../ledger/message-names';

/** Stands in place of a worker's id in a row that any worker of the row's lane may take over. */
export const NOBODY = 'nobody';

export const columnsOf = (deliveries: Delivery[]) => fullNamesOf(deliveries.map(({ message }) => message));
export const ID_ARRAYS = '$1::text[], $2::text[], $3::text[], $4::integer[]';

/**
 * Deliveries as they are written in rows. One with a text that `jsonb` cannot hold is left out, and would fail the rows beside it:
 * only its own worker lands it, or Temporal brings it again.
 */
export function rowsOf(deliveries: Delivery[]): { columns: unknown[]; count: number } {
  const written = deliveries
    .map((delivery) => ({ delivery, json: JSON.stringify(delivery) }))
    .filter(({ json }) => refuseUnstorable(json) === undefined);
  const columns = [...columnsOf(written.map(({ delivery }) => delivery)), written.map(({ json }) => json)];
  return { columns, count: written.length };
}

/** Writes rows for messages that a worker of a lane holds, so that others can land them if the worker dies. */
export async function writeHeld(
  db: Queryable,
  { worker, lane }: { worker: string; lane: string },
  deliveries: Delivery[],
): Promise<void> {
  const { columns, count } = rowsOf(deliveries);
  if (count === 0) return;
  await db.query({
    name: 'postdate.write-held',
    text: `insert into postdate.held (topic, tenant, key, cycle, delivery, worker, lane)
     select *, $6, $7 from unnest(${ID_ARRAYS}, $5::jsonb[]) order by 1, 2, 3, 4
     on conflict (topic, tenant, key, cycle) do update
        set worker = excluded.worker, lane = excluded.lane, delivery = excluded.delivery`,
    values: [...columns, worker, lane],
  });
}

/** Deletes this worker's rows of messages that it no longer holds: they have landed, or Temporal tries them again. */
export async function deleteHeld(db: Queryable, worker: string, deliveries: Delivery[]): Promise<void> {
  await db.query({
    name: 'postdate.strike-held',
    text: `delete from postdate.held using unnest(${ID_ARRAYS}) as given (topic, tenant, key, cycle)
      where held.topic = given.topic and held.tenant = given.tenant and held.key = given.key
        and held.cycle = given.cycle and held.worker = $5`,
    values: [...columnsOf(deliveries), worker],
  });
}

/** Takes over up to `limit` messages of these topics, in this lane, that dead workers or no worker held. Each goes to one taker. */
export async function takeOver(
  db: Queryable,
  worker: string,
  { dead, lane, topics, limit }: { dead: string[]; lane: string; topics: string[]; limit: number },
): Promise<Delivery[]> {
  const { rows } = await db.query<{ delivery: Delivery }>(
    `update postdate.held set worker = $1
      where (topic, tenant, key, cycle) in (
        select topic, tenant, key, cycle from postdate.held
         where worker = any($2) and topic = any($3) and lane = $4
         limit $5 for update skip locked)
     returning delivery`,
    [worker, [...dead, NOBODY], topics, lane, limit],
  );
  return rows.map(({ delivery }) => delivery);
}

/** Takes over messages that are overdue by more than a grace, and that a dead or unregistered worker held. */
export async function takeAbandoned(
  db: Queryable,
  worker: string,
  { topic, graceMs, limit }: { topic: string; graceMs: number; limit: number },
): Promise<Delivery[]> {
  const { rows } = await db.query<{ delivery: Delivery }>(
    `update postdate.held set worker = $1, lane = 'stable'
      where (topic, tenant, key, cycle) in (
        select topic, tenant, key, cycle from postdate.held
         where topic = $2
           and (delivery->'message'->>'dueAt')::float8 < extract(epoch from clock_timestamp()) * 1000 - $3
           and not exists (select 1 from postdate.worker where id = held.worker and ${WORKER_IS_WELL})
         limit $4 for update skip locked)
     returning delivery`,
    [worker, topic, graceMs, limit],
  );
  return rows.map(({ delivery }) => delivery);
}
