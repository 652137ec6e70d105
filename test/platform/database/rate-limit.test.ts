import { takeSlots } from '../../../src/platform/database/rate-limit';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../../support/effects';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);

/** When these were decided, in ms by the database's clock, in that order, with their due times and transactions. */
async function decisions(keys: string[]): Promise<{ at: number; due: number; landing: string }[]> {
  const { rows } = await database.pool.query(
    `select extract(epoch from decided_at)::float8 * 1000 as at, extract(epoch from due_at)::float8 * 1000 as due,
            xmin::text as landing
       from postdate.delivery where key = any($1) order by decided_at, due_at`,
    [keys],
  );
  return rows;
}

it('a topic with a pace lands no faster, over two workers, and everything', async () => {
  const topic = groupTopic({}, { landingsPerSecond: 50 });
  const workers = await Promise.all([startHold([topic]), startHold([topic])]);
  const dueAt = Date.now() + 300;
  const messages = Array.from({ length: 150 }, () => effectMessage(0, { dueAt }));
  await Promise.all(messages.map((message, place) => workers[place % 2]?.deliver(topic, message)));

  const landed = await decisions(messages.map(({ key }) => key));
  expect(landed).toHaveLength(150);
  // Never more than 50 for each second since they were due, but for one group of a tenth of that from each of the two. A machine that
  // stands still makes some land later, and none sooner.
  for (const [place, { at }] of landed.entries())
    expect(place + 1).toBeLessThanOrEqual(((at - dueAt) * 50) / 1_000 + 10);
  expect(Math.max(...workers.flatMap(({ reported }) => reported.queued.map(([, waiting]) => waiting)))).toBeGreaterThan(
    50,
  );
});

it('what waits for its pace lands in the order of the due times, not of the wakes', async () => {
  const topic = groupTopic({}, { landingsPerSecond: 40 });
  const worker = await startHold([topic]);
  const now = Date.now();
  // The ones due first wake last: they come when the others are in the queue already.
  const later = Array.from({ length: 30 }, (_, place) => effectMessage(0, { dueAt: now - 1_000 + place }));
  const first = Array.from({ length: 30 }, (_, place) => effectMessage(0, { dueAt: now - 9_000 + place }));
  const attempts = [...later, ...first].map((message) => worker.deliver(topic, message));
  await Promise.all(attempts);
  const landed = await decisions([...later, ...first].map(({ key }) => key));
  const landings = [...new Set(landed.map(({ landing }) => landing))].map((id) =>
    landed.filter(({ landing }) => landing === id).map(({ due }) => due),
  );
  expect(landings.length).toBeGreaterThan(10);
  // But for the group that was on its way when the others came: nothing in it is due after anything in the next.
  for (const [place, dues] of landings.slice(1).entries()) {
    const next = landings[place + 2] ?? [];
    expect(Math.max(...dues)).toBeLessThan(Math.min(...next));
  }
});

it('a topic without a pace, and another one with its own, are not held up by it', async () => {
  const slow = { ...groupTopic({}, { landingsPerSecond: 1 }), name: 'test.slow' };
  const free = groupTopic();
  const worker = await startHold([slow, free]);
  const waiting = [1, 2, 3, 4, 5].map(() => worker.deliver(slow, effectMessage(-1, { topic: slow.name })));
  await Promise.all(Array.from({ length: 20 }, () => worker.deliver(free, effectMessage(-1))));
  const landedSlow = await database.pool.query(`select 1 from postdate.delivery where topic = 'test.slow'`);
  expect(landedSlow.rowCount).toBeLessThan(5);
  await Promise.all(waiting);
});

it('places are given one after the other, and none are saved up while nobody takes them', async () => {
  const take = () => takeSlots(database.pool, 'test.places', { slots: 10, perSecond: 1 });
  const waits = [await take(), await take(), await take()];
  expect(waits[0]).toBe(0);
  // Ten seconds further each, less what the calls themselves took.
  expect(waits[1]).toBeGreaterThan(0);
  expect(waits[1]).toBeLessThanOrEqual(10_000);
  expect(waits[2]).toBeGreaterThan(waits[1] as number);
  expect(waits[2]).toBeLessThanOrEqual(20_000);
});

it('places that were taken while the clock was a day ahead, or stood before it went back, hold nobody up', async () => {
  const take = () => takeSlots(database.pool, 'test.ahead', { slots: 10, perSecond: 1 });
  await take();
  await database.pool.query(`update postdate.pace set next_at = next_at + interval '1 day' where topic = 'test.ahead'`);
  expect(await take()).toBe(0);
  expect(await take()).toBeGreaterThan(0);
  // What three hundred workers may have taken is no such thing.
  await database.pool.query(`update postdate.pace set next_at = next_at + interval '30 s' where topic = 'test.ahead'`);
  expect(await take()).toBeGreaterThan(25_000);
});
