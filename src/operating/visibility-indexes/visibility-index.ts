import type { Queryable } from '../../platform/database/pool';

/** An index of Temporal's visibility table. Names are quoted as PostgreSQL needs them. */
export interface VisibilityIndex {
  name: string;
  definition: string;
  /** Of a partial index, as PostgreSQL writes it. */
  predicate: string | null;
  /** False if it was being built or dropped when that was interrupted. */
  valid: boolean;
  comment: string | null;
  bytes: number;
  /** The columns among its keys that may be null. */
  nullable: string[];
}

/** The visibility table of a Temporal server, by the database's search path. */
export interface VisibilityTable {
  schema: string;
  /** The version of Temporal's schema, if it says so. */
  version?: string;
  /** Whether this role may change the table's indexes. */
  owned: boolean;
  indexes: VisibilityIndex[];
}

const TABLE = 'executions_visibility';
// Together only Temporal's table has these. Its store in SQL before 1.20 had no search attributes as columns.
const COLUMNS = ['namespace_id', 'run_id', 'workflow_id', 'close_time', 'search_attributes'];

/** Reads the table with those of its indexes that keep nothing unique. Undefined if this is no database of Temporal's visibility. */
export async function readVisibilityTable(db: Queryable): Promise<VisibilityTable | undefined> {
  const { rows } = await db.query<{ oid: number; schema: string; owned: boolean; versioned: boolean }>(
    `select relation.oid, quote_ident(nspname) as schema, pg_has_role(relowner, 'usage') as owned,
            coalesce(has_table_privilege(to_regclass('schema_version'), 'select'), false) as versioned
       from pg_class as relation join pg_namespace as namespace on namespace.oid = relnamespace
      where relation.oid = to_regclass($1) and relkind = 'r'
        and $2::text[] <@ array(select attname::text from pg_attribute where attrelid = relation.oid)`,
    [TABLE, COLUMNS],
  );
  const table = rows[0];
  if (!table) return undefined;
  const { oid, schema, owned, versioned } = table;
  const version = versioned ? await db.query<{ version: string }>(VERSION) : undefined;
  const { rows: indexes } = await db.query<VisibilityIndex>(INDEXES, [oid]);
  return { schema, owned, version: version?.rows[0]?.version, indexes };
}

const VERSION = 'select max(curr_version) as version from schema_version';
const INDEXES = `
  select quote_ident(relname) as name, pg_get_indexdef(indexrelid) as definition, pg_get_expr(indpred, indrelid) as predicate,
         indisvalid and indisready and indislive as valid, obj_description(indexrelid, 'pg_class') as comment,
         pg_relation_size(indexrelid)::float8 as bytes,
         array(select quote_ident(attname) from unnest(indkey::smallint[]) with ordinality as key (number, place)
                 join pg_attribute on attrelid = indrelid and attnum = key.number
                where key.place <= indnkeyatts and not attnotnull order by key.place) as nullable
    from pg_index join pg_class on pg_class.oid = indexrelid
   where indrelid = $1 and not indisunique and not indisexclusion
   order by relname`;
