import { cancelIn, moveIn, scheduleIn } from '../../../src/client';
import { lookAround } from '../../../src/delivery/held/look-around';
import { migrate, postdateSchema, type SchemaMigrations } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';
import { answerCommand, claimCommands, putBackCommand } from '../../../src/producing/dispatch/command-queue';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { tenantsWithCommands } from '../../../src/producing/dispatch/tenants-with-commands';
import { useDatabase } from '../../support/database';
import { post, refOf, postedTopic as topic } from '../../support/dispatching';
import { useOwnedDatabase } from '../../support/owned-database';

const database = useDatabase();
beforeAll(() => registerTopics(database.pool, [topic]));
beforeEach(() => database.pool.query('truncate postdate.command'));

const rows = async (text: string) => (await database.pool.query(text)).rows;
const WAITING = 'select seq, next_try_at, claimed_by from postdate.command where dispatched_at is null order by seq';
const QUEUED = 'select seq, next_try_at, claimed_by from postdate.dispatch_queue order by seq';
const inStep = async (waiting: number) => {
  const queued = await rows(QUEUED);
  expect(queued).toHaveLength(waiting);
  expect(queued).toEqual(await rows(WAITING));
};
const claim = async (commands: number) => {
  await lookAround(database.pool, 'worker', { lane: 'stable', topics: [topic.name] });
  return claimCommands(database.pool, 'worker', { topics: [topic.name], shares: new Map([['acme', commands]]) });
};

it('has what waits and nothing else, whatever becomes of the commands', async () => {
  const first = post();
  await scheduleIn(database.pool, first);
  await moveIn(database.pool, refOf(first), { dueAt: first.dueAt + 1 });
  await scheduleIn(database.pool, post());
  await inStep(3);
  const claimed = await claim(10);
  // The first of each message.
  expect(claimed).toHaveLength(2);
  await inStep(3);
  await putBackCommand(database.pool, 'worker', claimed[0] as never, 'once more');
  await answerCommand(database.pool, claimed[1] as never, { result: 'scheduled' });
  await inStep(2);
  // As a worker of the release before does, which does not know the table.
  await database.pool.query(`update postdate.command set dispatched_at = now(), answer = '{}' where seq = $1`, [
    claimed[0]?.seq,
  ]);
  await inStep(1);
  // As an operator may do.
  await database.pool.query('update postdate.command set dispatched_at = null, answer = null');
  await inStep(3);
  await database.pool.query(`delete from postdate.command where what = 'move'`);
  await inStep(2);
  await database.pool.query('truncate postdate.command');
  await inStep(0);
});

it('a command is claimed by one, and of a message only the first', async () => {
  const message = post();
  await scheduleIn(database.pool, message);
  await cancelIn(database.pool, refOf(message));
  const [[schedule], none] = [await claim(5), await claim(5)];
  expect([schedule?.what, none]).toEqual(['schedule', []]);
  await answerCommand(database.pool, schedule as never, { result: 'scheduled' });
  expect((await claim(5)).map(({ what }) => what)).toEqual(['cancel']);
});

it('of a tenant those that are due first go first, with what comes before them to their messages', async () => {
  const inMs = (ms: number) => Date.now() + ms;
  const [far, farther, moved, soon] = [3_600_000, 7_200_000, 9_000_000, 50_000].map((ms) => post({ dueAt: inMs(ms) }));
  for (const message of [far, farther, moved, soon]) await scheduleIn(database.pool, message as never);
  await moveIn(database.pool, refOf(moved as never), { dueAt: inMs(1_000) });
  await cancelIn(database.pool, refOf(farther as never));
  const order = [];
  for (let next = await claim(1); next[0]; next = await claim(1)) {
    order.push(next[0].key);
    await answerCommand(database.pool, next[0], {});
  }
  const keys = [moved, moved, farther, farther, soon, far].map((message) => message?.key);
  expect(order).toEqual(keys);
});

it('the tenants with commands that are due soon are the same, whether those commands are few or many', async () => {
  const tenants = ['a', 'B', 'c', 'D', 'e', 'f'];
  // Of some nothing is due soon, and of some what is due soon waits behind a command that is tried later.
  await database.pool.query(
    `insert into postdate.dispatch_queue (seq, topic, tenant, key, due_at, next_try_at)
     select nth, $1, tenant, case tenant when 'B' then 'behind' else nth::text end,
            now() + make_interval(secs => case when nth % 3 = 0 and tenant <> 'f' then 10 else 3600 end),
            now() + make_interval(secs => case when nth % 5 = 0 or tenant = 'B' then 30 else -1 end)
       from unnest($2::text[]) as tenant, generate_series(1, 4) as one,
            lateral (select ascii(tenant) * 10 + one as nth) as numbered
     on conflict do nothing`,
    [topic.name, tenants],
  );
  const seen = new Set<string>();
  for (const turn of ['', ...tenants].flatMap((tenant) => [0, 2].map((left) => ({ tenant, left })))) {
    for (const full of [[], ['c'], tenants]) {
      for (const limit of [1, 3, 10]) {
        const wanted = { topics: [topic.name], withinS: 60, full, turn, limit };
        const few = await tenantsWithCommands(database.pool, wanted);
        expect({ ...wanted, found: few }).toEqual({
          ...wanted,
          found: await tenantsWithCommands(database.pool, wanted, 0),
        });
        for (const tenant of few) seen.add(tenant);
      }
    }
  }
  // The control: some, and not all.
  expect(seen.size).toBeGreaterThan(1);
  expect([...seen].filter((tenant) => ['B', 'f'].includes(tenant))).toEqual([]);
  await database.pool.query('truncate postdate.dispatch_queue');
});

describe('a database of the release before', () => {
  const owned = useOwnedDatabase({});

  it('has its waiting commands in the queue after the upgrade', async () => {
    const pool = createPool(owned.as('owner'), { connections: 3, onError: () => undefined });
    try {
      const before: SchemaMigrations = {
        schema: 'postdate',
        migrations: Object.fromEntries(Object.entries(postdateSchema.migrations).filter(([name]) => name < '0021')),
      };
      await migrate(pool, before);
      await registerTopics(pool, [topic]);
      const waiting = post();
      for (const message of [post(), waiting]) await scheduleIn(pool, message);
      await cancelIn(pool, refOf(waiting));
      await pool.query(`update postdate.command set dispatched_at = now(), answer = '{}' where key <> $1`, [
        waiting.key,
      ]);
      await migrate(pool, postdateSchema);
      const { rows: queued } = await pool.query('select key, due_at from postdate.dispatch_queue order by seq');
      expect(queued).toEqual([
        { key: waiting.key, due_at: new Date(waiting.dueAt) },
        { key: waiting.key, due_at: expect.any(Date) },
      ]);
    } finally {
      await pool.end();
    }
  });
});
