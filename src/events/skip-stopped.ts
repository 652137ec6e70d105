import type { Queryable } from '../platform/database/pool';
import { storable } from '../platform/database/storable';
import { readPartition } from './partition-rows';
import { ENTITY_OF_ROW, moveOn, type Partition } from './partitions';

type Row = Omit<Partition, 'position' | 'failedPosition' | 'broke'> & {
  position: string;
  failed: string;
  entity: string;
};

/**
 * Has a consumer go past an event that it has stopped at, and never handle it. False if it has stopped at no such event, or has
 * others to handle before it.
 */
export async function skipStopped(
  tx: Queryable,
  { consumer, eventId, why }: { consumer: string; eventId: string; why: string },
): Promise<boolean> {
  const { rows } = await tx.query<Row>(
    `select part.name, $1 as consumer, partition as place, partitions, part.position, failures, failure,
            failed_position as failed, ${ENTITY_OF_ROW} as entity
       from postdate.consumer as part join postdate.outbox on outbox.position = failed_position
      where $1 in (part.name, part_of) and failures > 0 and outbox.id = $2 and part.position < failed_position
        for update of part`,
    [consumer, eventId],
  );
  const [row] = rows;
  if (!row) return false;
  const { failed, entity, ...partition } = { ...row, position: Number(row.position), broke: false };
  const { rows: next } = await readPartition(tx, partition, 1);
  if (next[0]?.position !== Number(failed)) return false;
  await tx.query(
    `insert into postdate.set_aside as known
       (consumer, position, event_id, entity, reason, tries, ended_at, outcome)
     values ($1, $2, $3, $4, $5, $6, clock_timestamp(), 'skipped')
     on conflict (consumer, position) do update
        set entity = excluded.entity, behind = null, reason = excluded.reason, tries = known.tries + excluded.tries,
            next_try_at = null, ended_at = excluded.ended_at, outcome = excluded.outcome`,
    [consumer, failed, eventId, entity, storable(`${row.failure}; skipped: ${why}`), row.failures],
  );
  await moveOn(tx, partition, Number(failed), { stillFails: false });
  return true;
}
