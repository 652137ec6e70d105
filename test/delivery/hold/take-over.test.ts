import { writeHeld } from '../../../src/delivery/held/held-rows';
import type { CommandsFirst } from '../../../src/delivery/hold/commands-first';
import { startTakeOver } from '../../../src/delivery/hold/take-over';
import type { Delivery, ScheduledMessage } from '../../../src/message/contract';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { landsAtOnce, type TestHold, useHolds } from '../../support/hold';
import { silentLog } from '../../support/silent-log';

const database = useDatabase(effectsSchema);
const startAny = useHolds(database);
const started: TestHold[] = [];
const startHold = async (topics: Topic[]) => {
  const worker = await startAny(topics);
  started.push(worker);
  return worker;
};
// Or it would take over what the next test's workers leave.
afterEach(() => Promise.all(started.splice(0).map((worker) => worker.leave())));

// One for each test: the last one's workers may leave a row that is about to be struck out, and nobody shall take it here.
let topic: Topic;
let tests = 0;
beforeEach(() => {
  tests += 1;
  topic = { ...groupTopic(), name: `test.take-over-${tests}` };
});

const burst = (count: number, dueInMs: number) => {
  const dueAt = Date.now() + dueInMs;
  return Array.from({ length: count }, () => effectMessage(0, { dueAt, topic: topic.name }));
};
const heldBy = async ({ worker }: TestHold) =>
  (await database.pool.query('select 1 from postdate.held where worker = $1', [worker])).rowCount;
const holds = (worker: TestHold, count: number) => eventually(async () => expect(await heldBy(worker)).toBe(count));

async function expectLandedOnce(messages: { key: string }[]): Promise<void> {
  for (const { key } of messages) {
    expect(await traces(database.pool, key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  }
  const early = await database.pool.query('select 1 from postdate.delivery where decided_at < due_at');
  expect(early.rowCount).toBe(0);
}

const landed = (messages: { key: string }[]) =>
  eventually(async () => {
    const keys = messages.map(({ key }) => key);
    const rows = await database.pool.query('select 1 from postdate.delivery where key = any($1)', [keys]);
    expect(rows.rowCount).toBe(messages.length);
  });

it('a worker told to stop hands back what it holds, and another lands it when it is due', async () => {
  const [leaving, staying] = await Promise.all([startHold([topic]), startHold([topic])]);
  const messages = burst(40, 4_500);
  const attempts = Promise.allSettled(messages.map((message) => leaving.deliver(topic, message)));
  await holds(leaving, 40);
  await leaving.leave();
  // Temporal hears of it at once, with times to try again that are spread over what is left.
  const delays = (await attempts).map((attempt) => {
    expect(attempt).toMatchObject({ reason: { type: 'PostdateHandedBack', nonRetryable: false } });
    return Number((attempt as PromiseRejectedResult).reason.nextRetryDelay);
  });
  expect(new Set(delays).size).toBeGreaterThan(20);
  await holds(staying, 40);
  expect(Date.now()).toBeLessThan(messages[0]?.dueAt as number);

  // The attempt that Temporal makes again finds the message held here already.
  const again = staying.deliver(topic, messages[0] as (typeof messages)[0]);
  await landed(messages);
  expect(await again).toMatchObject({ outcome: 'delivered' });
  await expectLandedOnce(messages);
  expect(leaving.reported.landed).toEqual([]);
  expect(staying.reported.takenOver.reduce((sum, [count]) => sum + count, 0)).toBe(40);
});

it('a worker told to stop lands by itself what is due in a moment', async () => {
  const leaving = await startHold([topic]);
  const messages = burst(10, 1_000);
  const attempts = messages.map((message) => leaving.deliver(topic, message));
  await leaving.leave();
  expect((await Promise.all(attempts)).map(({ outcome }) => outcome)).toEqual(Array(10).fill('delivered'));
  await expectLandedOnce(messages);
});

it('what a killed worker held is landed by the others, each message by one of them', async () => {
  const [killed, ...others] = await Promise.all([startHold([topic]), startHold([topic]), startHold([topic])]);
  const messages = burst(60, 2_500);
  for (const message of messages) void killed.deliver(topic, message).catch(() => undefined);
  await holds(killed, 60);
  await killed.kill();
  await landed(messages);
  await expectLandedOnce(messages);
  const taken = others.flatMap((other) => other.reported.takenOver.map(([count]) => count));
  expect(taken.reduce((sum, count) => sum + count, 0)).toBe(60);
  // Nothing is left of it: neither what it held nor itself.
  await eventually(async () => {
    expect(await heldBy(killed)).toBe(0);
    const known = await database.pool.query('select 1 from postdate.worker where id = $1', [killed.worker]);
    expect(known.rowCount).toBe(0);
  });
});

it('nothing is taken from a worker that is well, and nothing of a topic that nobody here serves', async () => {
  const other = { ...groupTopic(), name: 'test.other' };
  const [well, killed] = await Promise.all([startHold([topic]), startHold([other])]);
  const onlooker = await startHold([topic]);
  const messages = burst(5, 7_500);
  const attempts = messages.map((message) => well.deliver(topic, message));
  const stranger = effectMessage(30_000, { topic: other.name });
  void killed.deliver(other, stranger).catch(() => undefined);
  await holds(killed, 1);
  await killed.kill();
  await Promise.all(attempts);
  expect(onlooker.reported.takenOver.every(([count]) => count === 0)).toBe(true);
  expect(await heldBy(killed)).toBe(1);
  // It is not forgotten before a worker that serves the topic has come.
  const late = await startHold([other]);
  await holds(late, 1);
});

it('a database that has forgotten what was held is told again', async () => {
  const worker = await startHold([topic]);
  const messages = burst(8, 3_000);
  const attempts = messages.map((message) => worker.deliver(topic, message));
  await holds(worker, 8);
  // What a crash of the server does to an unlogged table.
  await database.pool.query('truncate postdate.held, postdate.worker');
  await holds(worker, 8);
  await Promise.all(attempts);
  await expectLandedOnce(messages);
});

it('a worker whose clock jumps sets its timers anew, and takes nothing from those who had no time to be heard', async () => {
  const [message] = burst(1, 60_000);
  await database.pool.query(`insert into postdate.worker (id, seen_at) values ('elsewhere', '-infinity')`);
  await writeHeld(database.pool, { worker: 'elsewhere', lane: 'stable' }, [
    { message: message as ScheduledMessage, late: false },
  ]);
  let jumpedMs = 86_400_000;
  const taken: string[] = [];
  const hold = {
    takeOver(_: Topic, deliveries: Delivery[]) {
      taken.push(...deliveries.map((one) => one.message.key));
      return deliveries;
    },
    resetTimers: jest.fn(),
    writeAgain: () => undefined,
    report: () => undefined,
    holdsAny: () => true,
  };
  const clock = { now: Date.now, read: async () => jumpedMs };
  const metrics = { takenOver: () => undefined } as never;
  const deps = { pool: database.pool, worker: 'here', clock, metrics, log: silentLog, commandsFirst: landsAtOnce };
  const here = startTakeOver({ ...deps, onError: () => undefined }, hold, [topic]);
  await eventually(async () => expect(hold.resetTimers.mock.calls.length).toBeGreaterThan(2));
  expect(taken).toEqual([]);
  jumpedMs = 0;
  await eventually(async () => expect(taken).toEqual([message?.key]));
  const times = hold.resetTimers.mock.calls.length;
  await here.stop();
  expect(hold.resetTimers.mock.calls.length).toBe(times);
  await database.pool.query('delete from postdate.held');
});

it('what was due while no worker was there waits for its commands, and what is due now does not', async () => {
  const [unattended, soon] = [burst(1, -60_000)[0], burst(1, 60_000)[0]] as [ScheduledMessage, ScheduledMessage];
  await database.pool.query(`insert into postdate.worker (id, seen_at) values ('last', '-infinity')`);
  const deliveries = [unattended, soon].map((message) => ({ message, late: false }));
  await writeHeld(database.pool, { worker: 'last', lane: 'stable' }, deliveries);
  const taken: string[] = [];
  const hold = {
    takeOver(_: Topic, deliveries: Delivery[]) {
      taken.push(...deliveries.map((one) => one.message.key));
      return deliveries;
    },
    resetTimers: () => undefined,
    writeAgain: () => undefined,
    holdsAny: () => true,
    report: () => undefined,
  };
  let decided: () => void = () => undefined;
  const commandsFirst: Pick<CommandsFirst, 'landInOrder'> = {
    async landInOrder(waiting, land) {
      await new Promise<void>((resolve) => {
        decided = resolve;
      });
      await land(waiting);
    },
  };
  const clock = { now: Date.now, read: async () => 0 };
  const metrics = { takenOver: () => undefined } as never;
  const deps = { pool: database.pool, worker: 'next', clock, metrics, log: silentLog, commandsFirst };
  const next = startTakeOver({ ...deps, onError: () => undefined }, hold, [topic]);
  await eventually(async () => expect(taken).toEqual([soon.key]));
  decided();
  await eventually(async () => expect(taken).toEqual([soon.key, unattended.key]));
  await next.stop();
  await database.pool.query('delete from postdate.held');
});
