import type { Pool } from 'pg';
import { createDatabaseClock } from '../../platform/database/clock';
import { migrationStatus, type SchemaMigrations } from '../../platform/database/migrate';
import { type Check, type Found, fail, ok, warn } from './finding';

const OLDEST_VERSION = 15;
const CLOCK_READINGS = 5;
const CLOCK_WARN_MS = 1_000;
// A worker sends a message that is due later than this back to Temporal, instead of holding it.
const CLOCK_FAIL_MS = 60_000;

export const DATABASE_CHECKS = ['database schema', 'database clock'];

/** Checks that the others rely on: the schema of this release, and the database's clock. */
export const databaseChecks = (pool: Pool, schemas: SchemaMigrations[]): Check[] => [
  { name: 'database schema', run: () => checkSchema(pool, schemas) },
  { name: 'database clock', run: () => checkClock(pool) },
];

/** Checks that the database is new enough and accepts writes. Throws if it cannot be reached. */
export async function checkDatabase(pool: Pool): Promise<Found> {
  const { rows } = await pool.query<{ number: number; version: string; standby: boolean }>(
    `select current_setting('server_version_num')::integer as number, current_setting('server_version') as version,
            pg_is_in_recovery() as standby`,
  );
  const { number, version, standby } = rows[0] as NonNullable<(typeof rows)[0]>;
  if (number < OLDEST_VERSION * 10_000) {
    return fail(`PostgreSQL ${version}`, `upgrade it to ${OLDEST_VERSION} or newer`);
  }
  if (standby) return fail(`PostgreSQL ${version}, which takes no writes`, 'give DATABASE_URL the primary');
  return ok(`PostgreSQL ${version}`);
}

async function checkSchema(pool: Pool, schemas: SchemaMigrations[]): Promise<Found> {
  const states = await Promise.all(
    schemas.map(async (one) => ({ schema: one.schema, ...(await migrationStatus(pool, one)) })),
  );
  const named = (kind: 'missing' | 'unknown') =>
    states.flatMap((state) => state[kind].map((name) => `${state.schema} ${name}`)).join(', ');
  if (named('missing')) return fail(`lacks ${named('missing')}`, 'start a worker of this release; it migrates first');
  if (named('unknown')) return warn(`has ${named('unknown')}`, 'use a newer release: a worker of one has been here');
  return ok(`${states.map(({ schema }) => schema).join(', ')}: up to date`);
}

async function checkClock(pool: Pool): Promise<Found> {
  const clock = createDatabaseClock();
  for (let reading = 0; reading < CLOCK_READINGS; reading += 1) await clock.read(pool);
  const aheadMs = Math.round(clock.now() - Date.now());
  const says = `${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  const todo = 'synchronise both machines; what is due is decided by the database';
  if (Math.abs(aheadMs) > CLOCK_FAIL_MS) return fail(says, todo);
  return Math.abs(aheadMs) > CLOCK_WARN_MS ? warn(says, todo) : ok(says);
}
