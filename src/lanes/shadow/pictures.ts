import type { Queryable } from '../../database';
import type { ObservedRows, Topic } from '../../topic';

/** A row as it was read. `row`: its JSON as text, in which no number has lost a digit. `writtenBy`: its xmin. */
export interface PicturedRow {
  row: string;
  texts: Record<string, string | null>;
  writtenBy: string;
}
/** The rows of each observed table, in the order in which the topic declares them. */
export type Picture = PicturedRow[][];

/** SQL of a message's picture, as JSON, its tenant and key given as SQL. */
const pictureSql = (observed: ObservedRows[], tenant: string, key: string): string =>
  `jsonb_build_array(${observed.map((one) => `(${rowsSql(one, tenant, key)})`).join(', ')})`;

const rowsSql = ({ table, where }: ObservedRows, tenant: string, key: string): string =>
  `select coalesce(jsonb_agg(jsonb_build_object(
            'row', to_jsonb(postdate_row)::text, 'writtenBy', postdate_row.xmin::text,
            'texts', (select jsonb_object_agg(name, text) from jsonb_each_text(to_jsonb(postdate_row)) as field (name, text)))), '[]')
     from ${table} as postdate_row where ${where.replaceAll(/\$1\b/g, tenant).replaceAll(/\$2\b/g, key)}`;

/** Reads a message's observed rows as this transaction sees them. */
export async function readPicture(
  db: Queryable,
  { observed = [] }: Pick<Topic, 'observed'>,
  { tenant, key }: { tenant: string; key: string },
): Promise<Picture> {
  if (observed.length === 0) return [];
  const { rows } = await db.query<{ picture: Picture }>(
    `select ${pictureSql(observed, '$1::text', '$2::text')} as picture`,
    [tenant, key],
  );
  return rows[0]?.picture ?? [];
}

/** SQL: a lane that was stopped tries nothing more, of whatever it has been given. */
export const IS_SHADOW = `exists (select from postdate.lane where lane.topic = $1 and lane.lane = $2 and mode = 'shadow')`;

// Each poll finds what is due within it, so that between reading and landing there is as little time as there may safely be.
const BEFORE_DUE = '1 second';
const BATCH = 500;

/**
 * Reads the rows of what is due in a moment, of one topic, without locking any of them, and keeps them with the copies. What
 * is due already is read, too: whether that was too late is told by the ledger.
 */
export async function pictureCopies(
  db: Queryable,
  { name, observed = [] }: Pick<Topic, 'name' | 'observed'>,
  lane: string,
): Promise<'more' | 'idle'> {
  const { rowCount } = await db.query(
    `update postdate.shadow_copy as postdate_copy
        set before = ${pictureSql(observed, 'postdate_copy.tenant', 'postdate_copy.key')},
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
