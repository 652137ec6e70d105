import type { Client } from 'pg';
import { withClient } from '../../../local/databases';
import { lockChecks } from '../../../src/operating/doctor/locks';
import { migrate, postdateSchema } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';
import { effectTopic } from '../../support/effects';
import { useOwnedDatabase } from '../../support/owned-database';

const owned = useOwnedDatabase({ stranger: 'login', worker: 'login' });
const topic = effectTopic();

beforeAll(() =>
  withClient(owned.as('owner'), async (owner) => {
    const pool = createPool(owned.as('owner'), { connections: 2, onError: () => undefined });
    await migrate(pool, postdateSchema);
    await pool.end();
    await owner.query(`grant usage on schema postdate to ${owned.names.worker}`);
    await owner.query(`grant all on all tables in schema postdate to ${owned.names.worker}`);
  }),
);

/** What doctor says while this role holds the lock of this name. */
async function examined(role: 'stranger' | 'worker', name: string, lock = 'pg_advisory_lock') {
  const pool = createPool(owned.as('owner'), { connections: 1, onError: () => undefined });
  const run = async (client: Client) => {
    await client.query(`select ${lock}(hashtextextended($1, 0))`, [name]);
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const found = await lockChecks(pool, [topic], [{ name: 'nats' }])[0]?.run();
    return { ...found, pid: rows[0].pid as number };
  };
  try {
    return await withClient(owned.as(role), run);
  } finally {
    await pool.end();
  }
}

it.each([
  'postdate.turn:publisher nats',
  'postdate.turn:retention',
  'postdate.turn:seal the ledger',
  `postdate.turn:sweep of rows: ${topic.name}`,
  `postdate.lanes:${topic.name}`,
  'postdate.migrate',
])('a login without rights that holds %p is named; a worker that holds it is none (the control)', async (name) => {
  const { stranger } = owned.names;
  const { pid, ...found } = await examined('stranger', name);
  expect(found).toEqual({
    status: 'fail',
    says: `${name} is held by ${stranger} (pid ${pid})`,
    todo: `end its session with select pg_terminate_backend(pid), and see to ${stranger}`,
  });
  expect(await examined('worker', name)).toMatchObject({ status: 'ok' });
});

it('a producer without rights to the tables that shares the lanes while it posts is no finding', async () => {
  const name = `postdate.lanes:${topic.name}`;
  expect(await examined('stranger', name, 'pg_advisory_lock_shared')).toMatchObject({ status: 'ok' });
});
