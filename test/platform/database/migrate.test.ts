import { sql } from 'kysely';
import { migrate, migrationStatus, type SchemaMigrations } from '../../../src/platform/database/migrate';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';

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

describe('a migration of a table that a stranger keeps', () => {
  const create = release('kept', '0001');
  const alter: SchemaMigrations = {
    schema: 'kept',
    migrations: {
      ...create.migrations,
      '0002': { up: async (db) => void (await sql`alter table kept.t0001 add column more integer`.execute(db)) },
    },
  };
  const keep = async () => {
    const stranger = await database.pool.connect();
    await stranger.query('begin; lock table kept.t0001 in access share mode');
    return async () => {
      await stranger.query('rollback');
      stranger.release();
    };
  };
  beforeAll(() => migrate(database.pool, create));

  it('tries again and again and says so, and two workers do not do so at once', async () => {
    const leave = await keep();
    const reasons: string[][] = [[], []];
    const ended = Promise.allSettled(
      reasons.map((said) => migrate(database.pool, alter, { onWaiting: (reason) => void said.push(reason) })),
    );
    try {
      const blocked = (said: string[]) => said.filter((reason) => reason.includes('holds a lock'));
      const most = () => Math.max(...reasons.map((said) => blocked(said).length));
      await Promise.race([ended, eventually(async () => expect(most()).toBe(2))]);
      expect(reasons.map((said) => said.length).sort()).toEqual([1, 2]);
      expect(reasons.find((said) => said.length === 1)).toEqual(['another process migrates this database']);
    } finally {
      await leave();
    }
    expect((await ended).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
    expect(await migrationStatus(database.pool, alter)).toEqual({ missing: [], unknown: [] });
  });

  it('is given up when the process is told to stop; one that needs nothing asks for no lock (the control)', async () => {
    const further: SchemaMigrations = {
      schema: 'kept',
      migrations: {
        ...alter.migrations,
        '0003': { up: async (db) => void (await sql`alter table kept.t0001 add column most integer`.execute(db)) },
      },
    };
    const leave = await keep();
    const stopping = new AbortController();
    try {
      const stopped = migrate(database.pool, further, { onWaiting: () => stopping.abort(), signal: stopping.signal });
      await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
      await migrate(database.pool, alter);
    } finally {
      await leave();
    }
    expect(await migrationStatus(database.pool, further)).toEqual({ missing: ['0003'], unknown: [] });
  });

  it('that fails leaves nothing of itself, and those before it stay', async () => {
    const broken: SchemaMigrations = {
      schema: 'broken',
      migrations: {
        ...release('broken', '0001').migrations,
        '0002': { up: async (db) => void (await sql`create table broken.t0002 (); select 1 / 0`.execute(db)) },
      },
    };
    await expect(migrate(database.pool, broken)).rejects.toThrow('division by zero');
    expect(await tablesOf('broken')).toEqual(['t0001']);
    expect(await migrationStatus(database.pool, broken)).toEqual({ missing: ['0002'], unknown: [] });
  });
});
