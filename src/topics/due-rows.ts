import type { ScheduledMessage } from '../message/contract';
import type { Queryable } from '../platform/database/pool';
import { CAN_LAND, COLUMNS, messageOfRow, type TopicWithRows, UNDECIDED, type WaitingRow } from './business-rows';

/** In epoch ms: due after `from`, and not after `to`. */
export interface DueWindow {
  from: number;
  to: number;
}

// Bound instants, so that PostgreSQL can look them up in an index of the rows.
const MISSING = `waiting.waits and waiting.due_at > to_timestamp($2::float8 / 1000)
                   and waiting.due_at <= to_timestamp($3::float8 / 1000) and ${UNDECIDED} and ${CAN_LAND}
                   and not exists (
                     select 1 from postdate.held
                      where held.topic = $1 and held.tenant = waiting.tenant and held.key = waiting.key
                        and held.cycle = waiting.cycle)`;

/** Counts the messages of rows that are due in a window, that the ledger has not decided, and that no worker holds. */
export async function countDueRows(db: Queryable, topic: TopicWithRows, { from, to }: DueWindow): Promise<number> {
  const { rows } = await db.query<{ messages: number }>(
    `select count(*)::integer as messages from (${topic.businessRows}) as waiting where ${MISSING}`,
    [topic.name, from, to],
  );
  return rows[0]?.messages ?? 0;
}

/** The same messages, at most so many, the earliest due first. */
export async function findDueRows(
  db: Queryable,
  topic: TopicWithRows,
  { from, to, limit }: DueWindow & { limit: number },
): Promise<ScheduledMessage[]> {
  const { rows } = await db.query<WaitingRow>(
    `select ${COLUMNS} from (${topic.businessRows}) as waiting where ${MISSING} order by waiting.due_at limit $4`,
    [topic.name, from, to, limit],
  );
  return rows.map((row) => messageOfRow(topic, row));
}
