import type { Queryable } from '../../../platform/database/pool';
import type { ObservedRows, Topic } from '../../../topics/topic';

/** A row as it was read. `row`: its JSON as text, which keeps all digits of numbers. `writtenBy`: its xmin. */
export interface SnapshotRow {
  row: string;
  texts: Record<string, string | null>;
  writtenBy: string;
}
/** The rows of each observed table, in the order in which the topic declares the tables. */
export type RowSnapshot = SnapshotRow[][];

/** An SQL expression for a message's snapshot as JSON. `tenant` and `key` are SQL expressions. */
const snapshotSql = (observed: ObservedRows[], tenant: string, key: string): string =>
  `jsonb_build_array(${observed.map((one) => `(${rowsSql(one, tenant, key)})`).join(', ')})`;

const rowsSql = ({ table, where }: ObservedRows, tenant: string, key: string): string =>
  `select coalesce(jsonb_agg(jsonb_build_object(
            'row', to_jsonb(postdate_row)::text, 'writtenBy', postdate_row.xmin::text,
            'texts', (select jsonb_object_agg(name, text) from jsonb_each_text(to_jsonb(postdate_row)) as field (name, text)))), '[]')
     from ${table} as postdate_row where ${where.replaceAll(/\$1\b/g, tenant).replaceAll(/\$2\b/g, key)}`;

/** Reads a message's observed rows as this transaction sees them. */
export async function readRowSnapshot(
  db: Queryable,
  { observed = [] }: Pick<Topic, 'observed'>,
  { tenant, key }: { tenant: string; key: string },
): Promise<RowSnapshot> {
  if (observed.length === 0) return [];
  const { rows } = await db.query<{ snapshot: RowSnapshot }>(
    `select ${snapshotSql(observed, '$1::text', '$2::text')} as snapshot`,
    [tenant, key],
  );
  return rows[0]?.snapshot ?? [];
}

/**
 * An SQL condition: lane $2 of topic $1 is still a shadow. A stopped lane tries none of the copies that it was given.
 */
export const IS_SHADOW = `exists (select from postdate.lane where lane.topic = $1 and lane.lane = $2 and mode = 'shadow')`;

// Rows are read this long before the due time: late, so that little time passes until the landing, but safely before
// it.
const BEFORE_DUE = '1 second';
const BATCH = 500;

/**
 * Reads the rows of one topic's messages that are due within a second, without locks, and stores them with the copies.
 * It also reads those of messages that are already due: the ledger tells whether that was too late.
 */
export async function snapshotCopies(
  db: Queryable,
  { name, observed = [] }: Pick<Topic, 'name' | 'observed'>,
  lane: string,
): Promise<'more' | 'idle'> {
  const { rowCount } = await db.query(
    `update postdate.shadow_copy as postdate_copy
        set before = ${snapshotSql(observed, 'postdate_copy.tenant', 'postdate_copy.key')},
            -- later than the statement's view of the rows
            read_at = clock_timestamp(),
            read_position = (select position from postdate.stream_head)
      where (topic, lane, tenant, key, cycle) in (
        select topic, lane, tenant, key, cycle from postdate.shadow_copy
         where topic = $1 and lane = $2 and ${IS_SHADOW} and due_at <= clock_timestamp() + interval '${BEFORE_DUE}' and read_at is null
         order by due_at limit $3 for update skip locked)`,
    [name, lane, BATCH],
  );
  return rowCount === BATCH ? 'more' : 'idle';
}
