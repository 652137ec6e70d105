import { DENIED, DOCUMENTED_ROLES, type DocumentedRole as Role, useDocumentedRoles } from '../support/documented-roles';

const pools = useDocumentedRoles();
let functions: { name: string; call: string }[];
let tables: string[];
let columns: Map<string, string>;
let sequences: string[];

beforeAll(async () => {
  const { rows } = await pools.owner.query<{ name: string; sequence: boolean; column: string }>(`
    select relname as name, relkind = 'S' as sequence, attname as column
      from pg_class join pg_attribute on attrelid = pg_class.oid and attnum = 1
     where relnamespace = 'postdate'::regnamespace and relkind not in ('i', 'c', 't') order by 1`);
  columns = new Map(rows.map(({ name, column }) => [name, column]));
  sequences = rows.filter(({ sequence }) => sequence).map(({ name }) => name);
  tables = rows.filter(({ sequence }) => !sequence).map(({ name }) => name);
  ({ rows: functions } = await pools.owner.query(`
    select proname as name, format('select %s(%s)', oid::regproc, (
             select string_agg('null::' || type::regtype, ', ') from unnest(proargtypes) as type)) as call
      from pg_proc where pronamespace = 'postdate'::regnamespace order by 1`));
});

/** Whether the role may run this statement, which is rolled back; one that fails for another reason was let in. */
async function may(role: Role, statement: string): Promise<boolean> {
  const tx = await pools[role].connect();
  try {
    await tx.query('begin');
    await tx.query(statement);
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== DENIED;
  } finally {
    await tx.query('rollback');
    tx.release();
  }
}

async function allowed(role: Role, from: string[], statementOf: (name: string) => string): Promise<string[]> {
  const found = [];
  for (const name of from) if (await may(role, statementOf(name))) found.push(name);
  return found;
}

/** What the role may do, found by doing all that can be done with each function, table and sequence of the schema. */
async function rightsOf(role: Role) {
  const calls = new Map(functions.map(({ name, call }) => [name, call]));
  const of = (statementOf: (table: string, column?: string) => string) =>
    allowed(role, tables, (name) => statementOf(`postdate.${name}`, columns.get(name)));
  return {
    call: await allowed(role, [...calls.keys()], (name) => calls.get(name) as string),
    select: await of((table) => `select from ${table} limit 0`),
    insert: await of((table) => `insert into ${table} default values`),
    update: await of((table, column) => `update ${table} set ${column} = default where false`),
    delete: await of((table) => `delete from ${table} where false`),
    truncate: await of((table) => `truncate ${table}`),
    nextval: await allowed(role, sequences, (name) => `select nextval('postdate.${name}')`),
    create: await may(role, 'create table postdate.mine ()'),
  };
}

const NOTHING = { call: [], select: [], insert: [], update: [], delete: [], truncate: [], nextval: [], create: false };
const POSTS = ['cancel', 'move', 'schedule'];
const rightsByThePage = (): Record<Role, Awaited<ReturnType<typeof rightsOf>>> => ({
  owner: {
    call: functions.map(({ name }) => name),
    select: tables,
    insert: tables,
    update: tables,
    delete: tables,
    truncate: tables,
    nextval: sequences,
    create: true,
  },
  postdate_app: {
    ...NOTHING,
    call: [
      'add_outbox_month',
      'answer',
      'ask_for_hint',
      'cancel',
      'change_lanes',
      'drop_outbox_month',
      'hold_lanes',
      'move',
      'schedule',
    ],
    select: tables,
    insert: tables,
    update: tables,
    delete: tables,
    nextval: sequences,
  },
  billing: { ...NOTHING, call: POSTS },
  orders: { ...NOTHING, call: ['answer'] },
  dashboards: { ...NOTHING, select: tables },
  debezium: { ...NOTHING, select: ['outbox'] },
  onlooker: NOTHING,
});

it.each(DOCUMENTED_ROLES)(
  '%s, logged in, may do what docs/deploy.md says, and nothing else in the schema',
  async (role) => {
    expect(tables.length).toBeGreaterThan(20);
    expect(functions.length).toBeGreaterThanOrEqual(15);
    expect(await rightsOf(role)).toEqual(rightsByThePage()[role]);
  },
);
