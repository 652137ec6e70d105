import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../local/ports';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import type { TestDatabase } from '../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../support/effects';
import { useHolds } from '../support/hold';

const database = {} as TestDatabase;
let dataFolder: string;
let port: number;
let postgres: RunningPostgres;

const start = async () => {
  postgres = await startPostgres({ dataFolder, port, durable: false });
};

const startHold = useHolds(database);

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'postdate-outage-'));
  // Started by root, PostgreSQL runs under another account, which must be able to enter.
  await chmod(dataFolder, 0o755);
  port = await freePort();
  await start();
  database.url = postgres.url;
  database.pool = createPool(postgres.url, { connections: 10, onError: () => undefined });
  for (const schema of [postdateSchema, effectsSchema]) await migrate(database.pool, schema);
});
afterAll(async () => {
  await database.pool.end();
  await postgres.stop();
  await rm(dataFolder, { recursive: true, force: true });
});

it('a database that is down at the due instant: all land once when it is back, with the lateness as it was', async () => {
  const topic = groupTopic();
  const probedAt = Date.now();
  await postgres.stop();
  await start();
  const tookMs = Date.now() - probedAt;
  const worker = await startHold([topic]);
  // Far enough for the database to be down by then, as it has just been.
  const dueAt = Date.now() + 1_000 + 2 * tookMs;
  const messages = Array.from({ length: 300 }, () => effectMessage(0, { dueAt }));
  const attempts = Promise.all(messages.map((message) => worker.deliver(topic, message)));
  await postgres.stop();
  expect(Date.now()).toBeLessThan(dueAt);
  // Two tries of the landing have found it down.
  const tries = () => worker.errors.filter((error) => String(error).includes('ECONNREFUSED')).length;
  while (Date.now() < dueAt + 1_500 || tries() < 2) await new Promise((resolve) => setTimeout(resolve, 50));
  const backAt = Date.now();
  await start();

  // No attempt was given back to Temporal: the hold itself waited for the database.
  expect((await attempts).every(({ outcome }) => outcome === 'delivered')).toBe(true);
  const { rows } = await database.pool.query(
    `select count(*)::int as landed, (select count(distinct key)::int from effects.effect) as effects,
            (select count(*)::int from effects.effect) as repeated, (select count(*)::int from postdate.outbox) as events,
            min(extract(epoch from decided_at) * 1000)::float8 as first_at
       from postdate.delivery`,
  );
  expect(rows).toMatchObject([{ landed: 300, effects: 300, repeated: 300, events: 300 }]);
  expect(rows[0].first_at).toBeGreaterThanOrEqual(backAt);
  expect(worker.reported.late).toHaveLength(300);
  expect(worker.reported.late.every(([, ms]) => ms >= backAt - dueAt)).toBe(true);
});
