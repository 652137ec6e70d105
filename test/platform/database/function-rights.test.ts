import type { Client } from 'pg';
import { withClient } from '../../../local/databases';
import { migrate, postdateSchema } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';
import { useOwnedDatabase } from '../../support/owned-database';

const database = useDatabase();
const OPEN_TO_ALL = `
  select proname from pg_proc
   where pronamespace = 'postdate'::regnamespace and has_function_privilege('public', oid, 'execute')`;

it('no migration leaves a function that every role may call; one that forgets it would be found out (the control)', async () => {
  expect((await database.pool.query(OPEN_TO_ALL)).rows).toEqual([]);
  await database.pool.query('create function postdate.forgotten() returns int language sql as $$ select 1 $$');
  expect((await database.pool.query(OPEN_TO_ALL)).rows).toEqual([{ proname: 'forgotten' }]);
});

it('functions that run as their owner look for names where no caller can put any', async () => {
  const { rows } = await database.pool.query(`
    select proname, proconfig from pg_proc where pronamespace = 'postdate'::regnamespace and prosecdef order by 1`);
  const proconfig = ['search_path=pg_catalog, pg_temp'];
  const names = [
    'add_outbox_month',
    'answer',
    'ask_for_hint',
    'cancel',
    'drop_outbox_month',
    'hint',
    'move',
    'schedule',
  ];
  expect(rows).toEqual(names.map((proname) => ({ proname, proconfig })));
});

describe('an installation of the release before', () => {
  const WORKERS = ['worker', 'member', 'writer'] as const;
  const owned = useOwnedDatabase({
    worker: 'login',
    team: 'nologin',
    member: 'login',
    writer: 'login',
    producer: 'login',
    granted: 'login',
    reader: 'login',
  });
  const before = Object.entries(postdateSchema.migrations).filter(([name]) => name < '0018');
  const CALLS = {
    hold_lanes: `select postdate.hold_lanes('t')`,
    change_lanes: `select postdate.change_lanes('t')`,
    schedule: `select postdate.schedule('t', 'acme', 'k', now())`,
    move: `select postdate.move('t', 'acme', 'k', now())`,
    cancel: `select postdate.cancel('t', 'acme', 'k')`,
    answer: `select postdate.answer('t', 'acme', 'k', 1, '{"do": "done"}')`,
  };
  const codeOf = (client: Client, statement: string) =>
    client.query(statement).then(
      () => undefined,
      (error) => error.code as string,
    );
  const callable = (role: Parameters<typeof owned.as>[0]) =>
    withClient(owned.as(role), async (client) => {
      const found = [];
      for (const [name, call] of Object.entries(CALLS)) if ((await codeOf(client, call)) !== '42501') found.push(name);
      return found;
    });

  beforeAll(async () => {
    const { names } = owned;
    const pool = createPool(owned.as('owner'), { connections: 2, onError: () => undefined });
    await migrate(pool, { schema: 'postdate', migrations: Object.fromEntries(before) });
    // As docs/deploy.md had it then.
    for (const role of [names.worker, names.team]) {
      await pool.query(`grant select, insert, update, delete on all tables in schema postdate to ${role}`);
    }
    for (const role of [names.worker, names.team, names.producer, names.granted, names.reader]) {
      await pool.query(`grant usage on schema postdate to ${role}`);
    }
    await pool.query(`grant select on all tables in schema postdate to ${names.reader}`);
    // As the changelog asks of the owner before the upgrade.
    await pool.query(`grant execute on function postdate.schedule to ${names.granted}`);
    await withClient(process.env.POSTDATE_TEST_DATABASE_URL as string, (client) =>
      client.query(
        `grant ${names.team} to ${names.member}; grant pg_read_all_data, pg_write_all_data to ${names.writer}`,
      ),
    );
    expect(await callable('reader')).toEqual(Object.keys(CALLS));
    await migrate(pool, postdateSchema);
    await pool.end();
  });

  it('only roles with rights of their own were granted any: the others have them through a group', async () => {
    const { rows } = await withClient(owned.as('owner'), (client) =>
      client.query(`select grantee::regrole::text as role from pg_proc, aclexplode(proacl)
                     where oid = 'postdate.hold_lanes(text)'::regprocedure order by 1`),
    );
    const roles = [owned.names.owner, 'pg_write_all_data', owned.names.team, owned.names.worker];
    expect(rows).toEqual(roles.map((role) => ({ role })));
  });

  it.each(WORKERS)('its %s goes on calling what it calls', async (role) => {
    expect(await callable(role)).toEqual(Object.keys(CALLS));
  });

  it('its producer that was granted a function before goes on calling that one', async () => {
    expect(await callable('granted')).toEqual(['schedule']);
  });

  it.each(['producer', 'reader'] as const)('its %s calls nothing any more', async (role) => {
    expect(await callable(role)).toEqual([]);
  });

  it('a function of a later release is open to its workers, and to no other role', async () => {
    await withClient(owned.as('owner'), (client) =>
      client.query(`create function postdate.later() returns int language sql as 'select 1';
        revoke execute on function postdate.later from public`),
    );
    const mayCall = (role: Parameters<typeof owned.as>[0]) =>
      withClient(owned.as(role), async (client) => (await codeOf(client, 'select postdate.later()')) !== '42501');
    expect(await Promise.all([...WORKERS, 'producer', 'reader'].map((role) => mayCall(role as 'worker')))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
