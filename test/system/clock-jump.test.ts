import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFakeClock, type FakeClock } from '../../local/faketime';
import { type RunningPostgres, startPostgres } from '../../local/postgres';
import type { ScheduledMessage } from '../../src/message/contract';
import { acquireLease } from '../../src/platform/database/lease';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import type { Topic } from '../../src/topics/topic';
import type { TestDatabase } from '../support/database';
import { effectMessage, effectsSchema, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHolds } from '../support/hold';

// Found, or not, once for all tests.
const library = process.env.POSTDATE_TEST_FAKETIME;
const HOUR_MS = 3_600_000;
const BACK_S = 90;
const DAY_S = 86_400;

const database = {} as TestDatabase;
let folder: string;
let clock: FakeClock;
let postgres: RunningPostgres;

const startHold = useHolds(database);

beforeAll(async () => {
  if (!library) return;
  folder = await mkdtemp(join(tmpdir(), 'postdate-clock-'));
  // Started by root, PostgreSQL runs under another account, which must be able to enter.
  await chmod(folder, 0o755);
  clock = await createFakeClock(library, join(folder, 'clock'));
  postgres = await startPostgres({ dataFolder: join(folder, 'data'), durable: false, env: clock.env });
  database.url = postgres.url;
  database.pool = createPool(postgres.url, { connections: 10, onError: () => undefined });
  for (const schema of [postdateSchema, effectsSchema]) await migrate(database.pool, schema);
});
afterAll(async () => {
  if (!library) return;
  await database.pool.end();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

const burst = (topic: Topic, dueInMs: number, count = 20) =>
  Array.from({ length: count }, () => effectMessage(dueInMs, { topic: topic.name, leadMs: 48 * HOUR_MS }));

async function landed(messages: ScheduledMessage[]): Promise<number> {
  const keys = messages.map(({ key }) => key);
  return (await database.pool.query('select 1 from postdate.delivery where key = any($1)', [keys])).rowCount ?? 0;
}
// In less than they would wait for by a clock that was wrong.
const allLand = (messages: ScheduledMessage[]) =>
  eventually(async () => expect(await landed(messages)).toBe(messages.length));

async function aheadMs(): Promise<number> {
  const { rows } = await database.pool.query('select extract(epoch from clock_timestamp())::float8 * 1000 as ms');
  return rows[0].ms - Date.now();
}

(library ? it : it.skip)(
  'a database whose clock goes back 90 s and forward a day: nothing lands early by it, and all land once when it is right again',
  async () => {
    const free = groupTopic();
    const paced = { ...groupTopic({}, { landingsPerSecond: 50 }), name: 'test.paced' };
    const worker = await startHold([free, paced]);
    const attempts: Promise<unknown>[] = [];
    const hold = (topic: Topic, dueInMs: number) => {
      const messages = burst(topic, dueInMs);
      attempts.push(...messages.map((message) => worker.deliver(topic, message)));
      return messages;
    };
    const lease = () => acquireLease(database.pool, 'a round', HOUR_MS);

    const before = [...hold(free, 2_000), ...hold(paced, 2_000)];
    await clock.shift(-BACK_S);
    expect(await aheadMs()).toBeLessThan(-80_000);
    const behind = [...before, ...hold(free, 1_000), ...hold(paced, 1_000)];
    const dueAt = Math.max(...behind.map((message) => message.dueAt));
    // So long that each had its time: by the right clock they are due, and some may have been tried.
    while (Date.now() < dueAt + 2_000) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await landed(behind)).toBe(0);
    await clock.shift(0);
    await allLand(behind);

    const tomorrow = hold(free, 2 * HOUR_MS);
    const later = hold(free, 30 * HOUR_MS);
    await clock.shift(DAY_S);
    expect(await aheadMs()).toBeGreaterThan(23 * HOUR_MS);
    // By the database's clock, which is the only one, they are due.
    await allLand([...tomorrow, ...hold(paced, 5_000)]);
    expect(await lease()).toBe(true);
    await clock.shift(0);
    expect(await lease()).toBe(true);
    expect(await lease()).toBe(false);
    const after = [...hold(free, 3_000), ...hold(paced, 3_000)];
    await allLand(after);
    expect(await landed(later)).toBe(0);

    worker.hold.handBack();
    const answers = await Promise.allSettled(attempts);
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(later.length);
    for (const { key } of [...behind, ...tomorrow, ...after]) {
      expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
    }
    const early = await database.pool.query('select 1 from postdate.delivery where decided_at < due_at');
    expect(early.rowCount).toBe(0);
  },
);
