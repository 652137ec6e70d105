import type { Queryable } from '../../../platform/database/pool';
import type { ObservedRows } from '../../../topics/topic';
import type { RowSnapshot, SnapshotRow } from './row-snapshots';

/** The columns of an observed table. */
export interface TableShape {
  /** Columns of the primary key. */
  key: string[];
  /** The database generates the key: the same row, inserted twice, gets two keys. */
  keyIsGenerated: boolean;
  insertable: string[];
  updatable: string[];
}

/** Reads the shape of a table; throws for one that has no primary key. */
export async function readShape(db: Queryable, table: string): Promise<TableShape> {
  const { rows } = await db.query<{
    name: string;
    in_key: boolean;
    generated: boolean;
    identity: string;
    made: boolean;
  }>(
    `select attname as name, coalesce(attnum = any(indkey), false) as in_key, attgenerated <> '' as generated,
            attidentity as identity, atthasdef or attidentity <> '' as made
       from pg_attribute left join pg_index on indrelid = attrelid and indisprimary
      where attrelid = $1::regclass and attnum > 0 and not attisdropped
      order by attnum`,
    [table],
  );
  const key = rows.filter((column) => column.in_key);
  if (key.length === 0) throw new Error(`${table} has no primary key, by which its rows could be restored`);
  const insertable = rows.filter(({ generated }) => !generated);
  const updatable = insertable.filter(({ in_key, identity }) => !in_key && identity !== 'a');
  return {
    key: namesOf(key),
    keyIsGenerated: key.some(({ made }) => made),
    insertable: namesOf(insertable),
    updatable: namesOf(updatable),
  };
}

const namesOf = (columns: { name: string }[]) => columns.map(({ name }) => name);
const quoted = (names: string[]) => names.map((name) => `"${name.replaceAll('"', '""')}"`);

/** The primary key of a row, as JSON. */
export const keyOf = ({ key }: TableShape, { texts }: SnapshotRow): string =>
  JSON.stringify(key.map((name) => texts[name]));

/**
 * Changes the observed rows from `now` back to `before`, in this transaction. A topic declares referenced tables first,
 * so rows are deleted in reverse order, and inserted in order.
 */
export async function restoreRows(
  tx: Queryable,
  observed: ObservedRows[],
  shapes: TableShape[],
  { before, now }: { before: RowSnapshot; now: RowSnapshot },
): Promise<void> {
  const tables = observed.map(({ table }, place) => {
    const shape = shapes[place] as TableShape;
    const rowsBefore = new Map((before[place] ?? []).map((row) => [keyOf(shape, row), row]));
    const rowsNow = new Map((now[place] ?? []).map((row) => [keyOf(shape, row), row]));
    return { table, shape, rowsBefore, rowsNow };
  });
  for (const { table, shape, rowsBefore, rowsNow } of tables.toReversed()) {
    for (const [key, { row }] of rowsNow) if (!rowsBefore.has(key)) await tx.query(deletion(table, shape), [row]);
  }
  for (const { table, shape, rowsBefore, rowsNow } of tables) {
    for (const [key, { row }] of rowsBefore) {
      const present = rowsNow.get(key);
      if (!present) await tx.query(insertion(table, shape), [row]);
      else if (present.row !== row && shape.updatable.length > 0) await tx.query(update(table, shape), [row]);
    }
  }
}

const sameKey = (table: string, { key }: TableShape) =>
  quoted(key)
    .map((name) => `${table}.${name} = was.${name}`)
    .join(' and ');

const deletion = (table: string, shape: TableShape) =>
  `delete from ${table} using jsonb_populate_record(null::${table}, $1::jsonb) as was where ${sameKey(table, shape)}`;

const insertion = (table: string, { insertable }: TableShape) =>
  `insert into ${table} (${quoted(insertable)}) overriding system value
   select ${quoted(insertable)} from jsonb_populate_record(null::${table}, $1::jsonb)`;

const update = (table: string, shape: TableShape) =>
  `update ${table} set ${quoted(shape.updatable).map((name) => `${name} = was.${name}`)}
     from jsonb_populate_record(null::${table}, $1::jsonb) as was where ${sameKey(table, shape)}`;
