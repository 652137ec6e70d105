import type { Pool } from 'pg';
import { MAX_CYCLE } from '../message/admission';
import type { ScheduledMessage } from '../message/contract';
import { withOccurrence } from '../message/occurrence';
import { inTransaction, type Queryable } from '../platform/database/pool';
import { WORKER_IS_WELL } from '../platform/database/worker-registry';
import type { Topic } from './topic';
import { topicFieldsOf } from './topic-limits';

/** A topic with a query of business rows, which says which messages must be waiting. */
export type TopicWithRows = Topic & { businessRows: string };

export const hasRows = (topic: Topic): topic is TopicWithRows => topic.businessRows !== undefined;

export interface WaitingRow {
  tenant: string;
  key: string;
  cycle: number;
  due_at: number;
  payload: unknown;
  occurrence: number;
}

// A row has no count of its own: the ledger has the cycles before that had come to their due time.
const OCCURRENCE = `(select count(*)::integer + 1 from postdate.delivery as earlier
                      where earlier.topic = $1 and earlier.tenant = waiting.tenant and earlier.key = waiting.key
                        and earlier.cycle < waiting.cycle
                        and earlier.outcome in ('delivered', 'skipped')) as occurrence`;
export const COLUMNS = `waiting.tenant, waiting.key, waiting.cycle, waiting.payload, ${OCCURRENCE},
                 ceil(extract(epoch from waiting.due_at) * 1000)::float8 as due_at`;
// The ledger takes no other row: it would come again in every round.
export const CAN_LAND = `waiting.tenant is not null and waiting.key is not null and waiting.cycle between 1 and ${MAX_CYCLE}
                    and isfinite(waiting.due_at) and extract(year from waiting.due_at) > 0`;
export const UNDECIDED = `not exists (
                     select 1 from postdate.delivery
                      where delivery.topic = $1 and delivery.tenant = waiting.tenant and delivery.key = waiting.key
                        and delivery.cycle = waiting.cycle)`;

/**
 * Finds the messages of rows that are overdue by more than `graceMs`, the earliest first: the ledger has no decision on
 * their cycle, and no healthy worker holds it. `except` leaves some out, by tenant and key.
 */
export async function findOverdueRows(
  db: Queryable,
  topic: TopicWithRows,
  { graceMs, limit, except }: { graceMs: number; limit: number; except: { tenant: string; key: string }[] },
): Promise<ScheduledMessage[]> {
  const { rows } = await db.query<WaitingRow>(
    // PostgreSQL can look up statement_timestamp() in an index, as it is one instant for all rows; not
    // clock_timestamp().
    `select ${COLUMNS} from (${topic.businessRows}) as waiting
      where waiting.waits and waiting.due_at < statement_timestamp() - make_interval(secs => $2) and ${UNDECIDED}
        and ${CAN_LAND}
        and not exists (
          select 1 from postdate.held join postdate.worker on worker.id = held.worker
           where held.topic = $1 and held.tenant = waiting.tenant and held.key = waiting.key
             and held.cycle = waiting.cycle and ${WORKER_IS_WELL})
        and not exists (
          select 1 from unnest($3::text[], $4::text[]) as excepted (tenant, key)
           where excepted.tenant = waiting.tenant and excepted.key = waiting.key)
      order by waiting.due_at
      limit $5`,
    [topic.name, graceMs / 1000, except.map(({ tenant }) => tenant), except.map(({ key }) => key), limit],
  );
  return rows.map((row) => messageOfRow(topic, row));
}

/**
 * Reads a page of messages of rows without a decision on their cycle, in the order of tenant and key, after the given
 * one.
 */
export async function listUndecidedRows(
  db: Queryable,
  topic: TopicWithRows,
  { after, limit }: { after: { tenant: string; key: string }; limit: number },
): Promise<ScheduledMessage[]> {
  const { rows } = await db.query<WaitingRow>(
    `select ${COLUMNS} from (${topic.businessRows}) as waiting
      where waiting.waits and (waiting.tenant, waiting.key) > ($2, $3) and ${UNDECIDED}
      order by waiting.tenant, waiting.key
      limit $4`,
    [topic.name, after.tenant, after.key, limit],
  );
  return rows.map((row) => messageOfRow(topic, row));
}

/** Counts the messages of rows without a decision. Slow for many rows, but faster than reading them page by page. */
export const countUndecidedRows = (pool: Pool, topic: TopicWithRows): Promise<number> =>
  inTransaction(pool, async (tx) => {
    // Each page is quick, but a count of all rows may take longer than the pool's statement timeout.
    await tx.query('set local statement_timeout = 0');
    const { rows } = await tx.query<{ messages: number }>(
      `select count(*)::float8 as messages from (${topic.businessRows}) as waiting where waiting.waits and ${UNDECIDED}`,
      [topic.name],
    );
    return rows[0]?.messages ?? 0;
  });

/** The payload that the row of a message has now, and its occurrence; undefined if the row does not wait. */
export async function payloadOfRow(
  db: Queryable,
  topic: TopicWithRows,
  { tenant, key }: { tenant: string; key: string },
): Promise<Pick<WaitingRow, 'payload' | 'occurrence'> | undefined> {
  const { rows } = await db.query<Pick<WaitingRow, 'payload' | 'occurrence'>>(
    `select waiting.payload, ${OCCURRENCE} from (${topic.businessRows}) as waiting
      where waiting.waits and waiting.tenant = $2 and waiting.key = $3`,
    [topic.name, tenant, key],
  );
  return rows[0];
}

/** Finds those of these messages for which no row waits, in any cycle. */
export async function findWithoutRow<Ref extends { tenant: string; key: string }>(
  db: Queryable,
  topic: TopicWithRows,
  refs: Ref[],
): Promise<Ref[]> {
  const { rows } = await db.query<{ place: number }>(
    `select place::integer - 1 as place
       from unnest($1::text[], $2::text[]) with ordinality as given (tenant, key, place)
      where not exists (select 1 from (${topic.businessRows}) as waiting
                         where waiting.waits and waiting.tenant = given.tenant and waiting.key = given.key)
      order by place`,
    [refs.map(({ tenant }) => tenant), refs.map(({ key }) => key)],
  );
  return rows.map(({ place }) => refs[place] as Ref);
}

export function messageOfRow(topic: Topic, row: WaitingRow): ScheduledMessage {
  const { tenant, key, cycle, due_at, payload, occurrence } = row;
  const message: ScheduledMessage = {
    v: 1,
    topic: topic.name,
    tenant,
    key,
    cycle,
    dueAt: due_at,
    payload,
    ...topicFieldsOf(topic),
  };
  return withOccurrence(message, occurrence);
}
