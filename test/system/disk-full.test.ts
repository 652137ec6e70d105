import { join } from 'node:path';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { createDatabase } from '../../local/databases';
import { freePort } from '../../local/ports';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import { isRunning } from '../../local/processes';
import { canMount, mountSmallDisk, type SmallDisk } from '../../local/small-disk';
import { schedule } from '../../src/client';
import { findStuckMessages } from '../../src/operating/stuck';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import { dueInTime } from '../support/due-in-time';
import { burstTopic, effectsSchema } from '../support/effects';
import { eventually, eventuallyAfter } from '../support/eventually';
import { useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const possible = canMount();
const itOnSmallDisk = (title: string, test: () => Promise<void>) =>
  possible
    ? it(title, test, 300_000)
    : it.skip(`${title} (skipped: mounting a small disk takes root on Linux)`, () => undefined);

const temporal = useTemporal();
const PATIENCE_MS = 120_000;
const MESSAGES = 60;
let disk: SmallDisk;
let postgres: RunningPostgres;
let port: number;
const database = {} as { url: string; pool: Pool };

// Before the folder's own end: a disk that is mounted cannot be removed.
afterAll(async () => {
  if (!possible) return;
  await disk.free();
  await database.pool?.end();
  await postgres?.stop();
  await disk.unmount();
}, 60_000);

const folder = useFolder();

const start = async () => {
  postgres = await startPostgres({ dataFolder: join(folder.path, 'disk', 'data'), port });
};

beforeAll(async () => {
  if (!possible) return;
  disk = await mountSmallDisk(join(folder.path, 'disk'), 200);
  port = await freePort();
  await start();
  database.url = await createDatabase(postgres.url, 'application');
  database.pool = createPool(database.url, { connections: 5, onError: () => undefined });
  for (const schema of [postdateSchema, effectsSchema]) await migrate(database.pool, schema);
}, 180_000);

/** Posts messages that are due at one instant; resolves when a worker holds all of them. */
async function hold(count: number, tenant: string, dueAt: number): Promise<void> {
  const message = { topic: burstTopic, tenant, dueAt, payload: { note: 'n' } };
  const keys = Array.from({ length: count }, () => nanoid());
  await Promise.all(keys.map((key) => schedule(temporal.client, { ...message, key })));
  await eventually(async () => {
    const held = `select 1 from postdate.held where delivery->'message'->>'key' = any($1)`;
    expect((await database.pool.query(held, [keys])).rowCount).toBe(count);
  });
}

/** The same for a tenant's messages, which are due as soon as this machine holds all of them; returns when. */
async function postAndHold(tenant: string): Promise<number> {
  // Due long after the test: what has landed would have made room for rows, which a full disk is not to have.
  const dueAt = await dueInTime(MESSAGES, (probes) => hold(probes, 'probe', Date.now() + 590_000));
  await hold(MESSAGES, tenant, dueAt);
  expect(Date.now()).toBeLessThan(dueAt);
  return dueAt;
}

/** What has become of a tenant's messages. */
async function outcomeOf(tenant: string) {
  const { rows } = await database.pool.query(
    `select count(*)::int as landed, count(*) filter (where decided_at < due_at)::int as early,
            count(*) filter (where outcome <> 'delivered')::int as others,
            (select count(*)::int from effects.effect join postdate.delivery using (key) where tenant = $1) as effects,
            (select count(*)::int from postdate.outbox where payload->>'tenant' = $1) as events
       from postdate.delivery where tenant = $1`,
    [tenant],
  );
  return rows[0];
}
const landedOnce = { landed: MESSAGES, early: 0, others: 0, effects: MESSAGES, events: MESSAGES };

const waiting = async (tenant: string) =>
  (await temporal.client.workflow.count(`ExecutionStatus = 'Running' and PostdateTenant = '${tenant}'`)).count;

async function stuckOf(tenant: string) {
  const found = [];
  for await (const one of findStuckMessages(temporal.client, { topic: burstTopic.name, tenant, graceMs: 100 }))
    found.push(one);
  return found;
}

const during = (work: () => Promise<void>) =>
  temporal.withWorker(database, { topics: [burstTopic], consumers: [], schemas: [] }, work);

itOnSmallDisk('a disk that is full at the due instant: nothing lands, and all land once when there is room again', () =>
  during(async () => {
    const tenant = 'full';
    await postAndHold(tenant);
    await disk.fill();
    // Each has been tried and given back to Temporal, and whoever asks is told why.
    await eventually(async () => {
      const details = (await stuckOf(tenant)).filter(({ detail }) => detail.includes('No space left on device'));
      expect(details).toHaveLength(MESSAGES);
    }, PATIENCE_MS);
    expect(await outcomeOf(tenant)).toMatchObject({ landed: 0, effects: 0, events: 0 });
    // The disk is full, and no more than that: the server itself is there.
    expect(await isRunning(postgres.pid)).toBe(true);

    await disk.free();
    await eventually(async () => expect(await outcomeOf(tenant)).toEqual(landedOnce), PATIENCE_MS);
    await eventually(async () => expect(await waiting(tenant)).toBe(0), PATIENCE_MS);
    expect(await outcomeOf(tenant)).toEqual(landedOnce);
  }),
);

itOnSmallDisk('a PostgreSQL that ends as its log finds no room: all land once when it has been started again', () =>
  during(async () => {
    const tenant = 'ended';
    const dueAt = await postAndHold(tenant);
    await disk.fill();
    // Until the log needs a file that there is no room for, which is the end of the server.
    await eventually(async () => {
      await database.pool.query('select pg_switch_wal()').catch(() => undefined);
      await database.pool.query(`select pg_logical_emit_message(true, 'test', 'x')`).catch(() => undefined);
      expect(await isRunning(postgres.pid)).toBe(false);
    });
    await eventuallyAfter(dueAt, async () => expect(Date.now()).toBeGreaterThan(dueAt + 1_000));

    await disk.free();
    await start();
    await eventually(async () => expect(await outcomeOf(tenant)).toEqual(landedOnce), PATIENCE_MS);
    await eventually(async () => expect(await waiting(tenant)).toBe(0), PATIENCE_MS);
    expect(await outcomeOf(tenant)).toEqual(landedOnce);
  }),
);
