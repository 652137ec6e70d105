import { nanoid } from 'nanoid';
import type { Pool, PoolClient } from 'pg';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { createDatabase, dropDatabase } from '../../../local/databases';
import {
  migrate,
  migrationStatus,
  postdateSchema,
  type SchemaMigrations,
} from '../../../src/platform/database/migrate';
import { createPool, inTransaction } from '../../../src/platform/database/pool';
import { eventually } from '../../support/eventually';

// Far longer than a migration may make others wait, and shorter than the time after which PostgreSQL ends its statement.
const PATIENCE_MS = 10_000;

const name = `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
let pool: Pool;
beforeAll(async () => {
  const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
  const url = await createDatabase(server, name);
  pool = createPool(url, { connections: 5, onError: () => undefined });
});
afterAll(async () => {
  await pool.end();
  await dropDatabase(process.env.POSTDATE_TEST_DATABASE_URL as string, name);
});

const upTo = ({ schema, migrations }: SchemaMigrations, count: number): SchemaMigrations => ({
  schema,
  migrations: Object.fromEntries(Object.entries(migrations).slice(0, count)),
});

async function tables(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname in ('postdate', 'payments') and tablename not like 'kysely%' order by 1`,
  );
  return rows.map((row) => row.name);
}

/** A transaction of a stranger's that has written to every table and stays open. */
async function openStranger(): Promise<{ leave(): Promise<void> }> {
  const stranger: PoolClient = await pool.connect();
  await stranger.query('begin');
  for (const table of await tables()) await stranger.query(`lock table ${table} in row exclusive mode`);
  return {
    async leave() {
      await stranger.query('rollback');
      stranger.release();
    },
  };
}

/** Takes of every table what an insert takes: waits behind whatever waits there. */
const writeEverywhere = () =>
  inTransaction(
    pool,
    async (tx) => {
      for (const table of await tables()) await tx.query(`lock table ${table} in row exclusive mode`);
    },
    { lockTimeoutMs: PATIENCE_MS },
  );

const isWaiting = async () =>
  (await pool.query(`select 1 from pg_locks where not granted and relation is not null`)).rowCount !== 0;

const every = [postdateSchema, paymentsSchema].flatMap((schema) =>
  Object.keys(schema.migrations).map((title, index) => ({ title: `${schema.schema} ${title}`, schema, index })),
);

it.each(every)(
  'while a stranger keeps its tables, $title holds up nobody that writes to them, and is done once they are free',
  async ({ schema, index }) => {
    const stranger = await openStranger();
    let done = false;
    const migrated = migrate(pool, upTo(schema, index + 1)).finally(() => {
      done = true;
    });
    try {
      await eventually(async () => expect(done || (await isWaiting())).toBe(true));
      await writeEverywhere();
    } finally {
      await stranger.leave();
      await migrated;
    }
    expect(await migrationStatus(pool, schema)).toEqual({
      missing: Object.keys(schema.migrations).slice(index + 1),
      unknown: [],
    });
  },
);
