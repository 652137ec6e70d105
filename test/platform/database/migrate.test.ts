import { sql } from 'kysely';
import { migrate, migrationStatus, type SchemaMigrations } from '../../../src/platform/database/migrate';
import { useDatabase } from '../../support/database';

const database = useDatabase();
const release = (schema: string, ...names: string[]): SchemaMigrations => ({
  schema,
  migrations: Object.fromEntries(
    names.map((name) => [
      name,
      { up: async (db) => void (await sql.raw(`create table ${schema}.t${name} ()`).execute(db)) },
    ]),
  ),
});
const tablesOf = async (schema: string) => {
  const { rows } = await database.pool.query(
    `select tablename from pg_tables where schemaname = $1 and tablename like 't0%' order by 1`,
    [schema],
  );
  return rows.map(({ tablename }) => tablename);
};

it('an older release starts on what a newer one has made, and changes nothing; both may start at once', async () => {
  const [older, newer] = [release('releases', '0001', '0002'), release('releases', '0001', '0002', '0003')];
  await Promise.all([migrate(database.pool, newer), migrate(database.pool, older), migrate(database.pool, newer)]);
  await migrate(database.pool, older);
  expect(await tablesOf('releases')).toEqual(['t0001', 't0002', 't0003']);
  expect(await migrationStatus(database.pool, older)).toEqual({ missing: [], unknown: ['0003'] });
  // And the newest goes on from there.
  await migrate(database.pool, release('releases', '0001', '0002', '0003', '0004'));
  expect(await tablesOf('releases')).toContain('t0004');
});

it('one that would have to come before what is there is refused', async () => {
  await migrate(database.pool, release('order_', '0001', '0003'));
  await expect(migrate(database.pool, release('order_', '0001', '0002'))).rejects.toThrow('corrupted migrations');
  expect(await tablesOf('order_')).toEqual(['t0001', 't0003']);
});
