import type { Queryable } from '../platform/database/pool';
import { ENTITY_OF_ROW, type Partition, partitionOf } from './partitions';
import { type PayloadRow, type StreamRow, streamRowOf, withinMemory } from './stream';

/**
 * Reads the next `limit` rows of a partition, in order, and no more than fit into 16 MB; one at least, unless there is none.
 * `upTo`: there is no other row of the partition up to this position of the stream. Rows that the consumer handled while it was
 * divided in another way are left out.
 */
export async function readPartition(
  tx: Queryable,
  { consumer, place, partitions, position }: Pick<Partition, 'consumer' | 'place' | 'partitions' | 'position'>,
  limit: number,
): Promise<{ rows: StreamRow[]; upTo: number }> {
  const { rows } = await tx.query<PayloadRow & { head: string; fetched: number; kept: string | null }>(
    // One statement, so that the head and the rows up to it are of one instant.
    `with head as materialized (select position from postdate.stream_head),
     next as materialized (
       select position, id, payload, ${ENTITY_OF_ROW} as entity from postdate.outbox
        where position > $1 and position <= (select position from head)
          and ${partitionOf(ENTITY_OF_ROW, '$3::integer')} = $4::integer
          and not exists (
            select 1 from postdate.former_partitions as former
             where former.consumer = $5
               and outbox.position <=
                   former.positions[1 + ${partitionOf(ENTITY_OF_ROW, 'cardinality(former.positions)')}])
        order by position limit $2)
     select head.position as head, (select count(*) from next)::integer as fetched, kept.position as kept, kept.*
       from head left join (${withinMemory('select * from next')}) as kept on true
      order by kept.position`,
    [position, limit, partitions, place, consumer],
  );
  const found = rows.filter(({ kept }) => kept !== null);
  const [first] = rows;
  const more = first !== undefined && (first.fetched >= limit || found.length < first.fetched);
  const last = Number(found.at(-1)?.position ?? position);
  return { rows: found.map(streamRowOf), upTo: more ? last : Math.max(position, Number(first?.head ?? position)) };
}

// A tenant's backlog may be long, and the question is asked in each round that fails.
const MOST_LOOKED_AT = 100_000;

/** Whether events of another tenant wait in a partition behind a position. */
export async function isOtherTenantBehind(
  tx: Queryable,
  { place, partitions }: Pick<Partition, 'place' | 'partitions'>,
  position: number,
  tenant: string,
): Promise<boolean> {
  const { rows } = await tx.query<{ found: boolean }>(
    `select exists (
       select 1 from (
         select ${ENTITY_OF_ROW} as entity, aggregateid from postdate.outbox
          where position > $1 and position <= (select position from postdate.stream_head)
          order by position limit ${MOST_LOOKED_AT}) as behind
        where not starts_with(aggregateid, $2 || '/')
          and ${partitionOf('entity', '$3::integer')} = $4::integer) as found`,
    [position, tenant, partitions, place],
  );
  return rows[0]?.found ?? false;
}

/** How many events that are kept a consumer's partitions have passed after a position. */
export async function countPassed(db: Queryable, consumer: string, from: number): Promise<number> {
  const { rows } = await db.query<{ events: number }>(
    `select count(*)::integer as events
       from postdate.consumer as part join postdate.outbox
         on outbox.position > $2 and outbox.position <= part.position
        and ${partitionOf(ENTITY_OF_ROW, 'part.partitions')} = part.partition
      where $1 in (part.name, part.part_of)`,
    [consumer, from],
  );
  return rows[0]?.events ?? 0;
}
