import { schedule } from '../../src/client';
import { reconcile } from '../../src/maintenance/reconcile';
import { runChecks } from '../../src/operating/doctor/finding';
import { queueChecks } from '../../src/operating/doctor/workers';
import { list } from '../../src/producing/list';
import type { TopicWithRows } from '../../src/topics/business-rows';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { type LocalProcess, runLocal } from '../support/local-process';
import { useTemporal } from '../support/temporal';
import { expiryIn, INSTALLATIONS, installationOf, type Name, ordersSchema } from '../support/two-installations';

const databases = { north: useDatabase(ordersSchema), south: useDatabase(ordersSchema) };
const temporal = useTemporal();
const PATIENCE_MS = 120_000;

// A sweep that would take what is not its own does so within seconds.
const EAGER = { POSTDATE_SWEEP_GRACE_SECONDS: '1', POSTDATE_SWEEP_EVERY_SECONDS: '1' };

const running: LocalProcess[] = [];
afterAll(async () => {
  for (const worker of running) {
    worker.signal('SIGKILL');
    await worker.exitCode;
  }
});

/** A worker that serves the topic of one installation, and lands in a database: its own, or by mistake the other. */
async function startWorker(topicOf: Name, databaseOf: Name = topicOf): Promise<LocalProcess> {
  const env = { ...temporal.envFor(databases[databaseOf]), ...EAGER, TEST_INSTALLATION: topicOf };
  const worker = runLocal('test/support/installation-worker.ts', { env });
  running.push(worker);
  await worker.prints(/worker is running/);
  return worker;
}

async function stop(worker: LocalProcess): Promise<void> {
  worker.signal('SIGTERM');
  expect(await worker.exitCode).toBe(0);
}

/** As an application does it: the rule names the installation, whose database has the row, and whose topic has the message. */
async function post(tenant: string, id: string, dueInMs: number): Promise<void> {
  const installation = installationOf(tenant);
  const dueAt = new Date(Date.now() + dueInMs);
  await databases[installation].pool.query('insert into orders.order (tenant, id, due_at) values ($1, $2, $3)', [
    tenant,
    id,
    dueAt,
  ]);
  const topic = expiryIn(installation);
  await schedule(temporal.client, { topic, tenant, key: id, cycle: 1, dueAt, payload: {} });
}

/** The decided messages of each installation's ledger. */
async function decided(name: Name): Promise<string[]> {
  const { rows } = await databases[name].pool.query<{ message: string }>(
    `select tenant || '/' || key as message from postdate.delivery order by 1`,
  );
  return rows.map(({ message }) => message);
}

/** When an installation's sweep for messages that wait in Temporal may go next, by its database. */
async function nextSweepAt(name: Name): Promise<number> {
  const { rows } = await databases[name].pool.query<{ at: Date }>(
    'select next_at as at from postdate.turn where name = $1',
    [`sweep of messages: ${expiryIn(name).name}, older`],
  );
  return rows[0]?.at.getTime() ?? 0;
}

async function doctorOf(name: Name) {
  const topic = expiryIn(name);
  for await (const finding of runChecks(queueChecks(temporal.client, [topic], databases[name].pool), String))
    if (finding.check === `task queue postdate.${topic.name}`) return finding;
  throw new Error('there is no such check');
}

it('the rule gives each tenant to one installation, the exceptions of its list too', () => {
  expect(['acme', 'zeta', 'late-arrival', 'none'].map(installationOf)).toEqual(['north', 'south', 'north', 'south']);
});

it(
  'in one namespace each installation lands its own tenants’ messages, and none of the other, also while the other is away',
  async () => {
    const [north] = await Promise.all(INSTALLATIONS.map((name) => startWorker(name)));
    await Promise.all([post('acme', 'one', 1_000), post('zeta', 'one', 1_000), post('late-arrival', 'one', 1_000)]);
    await eventually(async () => {
      expect(await decided('north')).toEqual(['acme/one', 'late-arrival/one']);
      expect(await decided('south')).toEqual(['zeta/one']);
    }, PATIENCE_MS);
    for (const name of INSTALLATIONS) expect(await doctorOf(name)).toMatchObject({ status: 'ok' });

    await stop(north as LocalProcess);
    await post('acme', 'alone', 0);
    const overdueAt = Date.now() + 2_000;
    // Of two rounds of south's slowest sweep the second has begun since: what that takes for its own, it lands.
    for (const _ of [1, 2]) {
      const before = Math.max(overdueAt, await nextSweepAt('south'));
      await eventually(async () => expect(await nextSweepAt('south')).toBeGreaterThan(before), PATIENCE_MS);
    }
    await post('zeta', 'beside', 0);
    await eventually(async () => expect(await decided('south')).toEqual(['zeta/beside', 'zeta/one']), PATIENCE_MS);
    expect(await decided('north')).toEqual(['acme/one', 'late-arrival/one']);

    await startWorker('north');
    await eventually(async () => expect(await decided('north')).toContain('acme/alone'), PATIENCE_MS);
    expect(await decided('south')).toEqual(['zeta/beside', 'zeta/one']);
  },
  2 * PATIENCE_MS,
);

it('reconciling one installation sees no workflow of the other, and would with the topic of the other (the control)', async () => {
  await Promise.all([post('acme', 'waits', 3_600_000), post('zeta', 'waits', 3_600_000)]);
  await eventually(async () => {
    const keys = [];
    for await (const { tenant } of list(temporal.client, { keys: ['waits'], state: 'waiting' })) keys.push(tenant);
    expect(keys.sort()).toEqual(['acme', 'zeta']);
  });
  const reconciled = (topicOf: Name, databaseOf: Name) =>
    reconcile({ client: temporal.client, pool: databases[databaseOf].pool }, expiryIn(topicOf) as TopicWithRows, {
      perSecond: 10,
      dryRun: true,
    });
  expect(await reconciled('south', 'south')).toMatchObject({ started: [], ended: [] });
  expect(await reconciled('north', 'south')).toMatchObject({ ended: [{ tenant: 'acme', key: 'waits' }] });
});

it(
  'one topic over two databases is what goes wrong: the message lands where its row is not, and doctor says so (the control)',
  async () => {
    const stray = await startWorker('north', 'south');
    await eventually(async () => {
      expect(await doctorOf('north')).toMatchObject({
        status: 'fail',
        says: expect.stringMatching(/^its workers land in 2 databases: \d+\.\d+, \d+\.\d+$/),
        todo: expect.stringContaining('docs/capacity.md'),
      });
    });
    // Both workers poll, and Temporal gives each some.
    const keys = Array.from({ length: 30 }, (_, index) => `stray-${index}`);
    await Promise.all(keys.map((key) => post('acme', key, 500)));
    await eventually(async () => {
      const [north, south] = [await decided('north'), await decided('south')];
      expect(north.concat(south).filter((message) => message.includes('stray')).length).toBeGreaterThanOrEqual(30);
      expect(south.some((message) => message.startsWith('acme/stray'))).toBe(true);
    }, PATIENCE_MS);
    await stop(stray);
  },
  2 * PATIENCE_MS,
);
