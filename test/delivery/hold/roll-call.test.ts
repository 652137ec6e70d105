import { setTimeout as pause } from 'node:timers/promises';
import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { changeLane } from '../../../src/delivery/lanes/change-lane';
import { type ScheduledMessage, searchAttributesOf, workflowIdOf } from '../../../src/message/contract';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { type TestHold, useHolds } from '../../support/hold';
import { startForeign, unreadablePayload } from '../../support/strangers';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const startAny = useHolds(database);
const started: TestHold[] = [];
async function startHold(topic: Topic, rollCall: 'with its roll call' | 'without' = 'with its roll call') {
  const worker = await startAny([topic], {}, rollCall === 'without' ? {} : { temporal });
  started.push(worker);
  return worker;
}
afterEach(() => Promise.all(started.splice(0).map((worker) => worker.leave())));

// A topic of each test's own, as one worker at a time calls the roll of a topic.
const newTopic = (): Topic => ({ ...groupTopic(), name: `test.${nanoid(6).replace(/\W/g, 'x')}` });
const missing = ({ reported }: TestHold) => reported.missing.reduce((sum, [, messages]) => sum + messages, 0);
const landed = ({ key }: { key: string }) =>
  eventually(async () => expect((await traces(database.pool, key)).decisions).toBe(1));

/** Posts a message whose workflow nobody runs, as if its timer, or its task, were lost; it is in visibility then. */
async function postUnattended(topic: Topic, dueInMs: number, input?: unknown): Promise<ScheduledMessage> {
  const message = effectMessage(dueInMs, { topic: topic.name, leadMs: 10_000 });
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(message),
    taskQueue: 'nobody',
    args: [input ?? message],
    memo: { cycle: 1 },
    typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
  });
  await eventually(async () => {
    const { count } = await temporal.client.workflow.count(`PostdateKey = '${message.key}'`);
    expect(count).toBe(1);
  });
  return message;
}

let postingMs: number;
beforeAll(async () => {
  const startedAt = Date.now();
  const topic = newTopic();
  await postUnattended(topic, 3_600_000);
  await (await startHold(topic)).leave();
  postingMs = Date.now() - startedAt;
});
/** In how much it is due what is to be posted and then missed before: by far more than the first one took. */
const soonMs = (posts: number) => 2_500 + 3 * posts * postingMs;

it('a message that is due in a moment and that nobody holds is held, and lands once, not early', async () => {
  const topic = newTopic();
  const message = await postUnattended(topic, soonMs(2));
  const worker = await startHold(topic);
  await landed(message);
  expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  const { rows } = await database.pool.query(
    'select decided_at >= due_at as due, late from postdate.delivery where key = $1',
    [message.key],
  );
  expect(rows).toEqual([{ due: true, late: false }]);
  expect(missing(worker)).toBe(1);
  // Its activity, when Temporal finds it at last, reads what was decided.
  expect(await worker.deliver(topic, message)).toMatchObject({ outcome: 'delivered' });
  expect((await traces(database.pool, message.key)).effects).toBe(1);
});

it('without a roll call it would not have landed', async () => {
  const topic = newTopic();
  const message = await postUnattended(topic, 500);
  await startHold(topic, 'without');
  await pause(2_500);
  expect((await traces(database.pool, message.key)).decisions).toBe(0);
});

it('who is held by any worker is not missing, and who is due later is left asleep', async () => {
  const topic = newTopic();
  const holder = await startHold(topic, 'without');
  const message = await postUnattended(topic, soonMs(3));
  // So that names are asked for, and not only numbers.
  const lost = await postUnattended(topic, soonMs(3));
  const sleeper = await postUnattended(topic, 3_600_000);
  const attempt = holder.deliver(topic, message);
  await eventually(async () => {
    const { rowCount } = await database.pool.query('select 1 from postdate.held where key = $1', [message.key]);
    expect(rowCount).toBe(1);
  });
  const caller = await startHold(topic);
  await attempt;
  await landed(lost);
  expect(missing(caller)).toBe(1);
  const { rowCount } = await database.pool.query('select 1 from postdate.held where key = $1', [sleeper.key]);
  expect(rowCount).toBe(0);
});

it('who is missing is called by one worker', async () => {
  const topic = newTopic();
  const messages = await Promise.all(Array.from({ length: 30 }, () => postUnattended(topic, soonMs(8))));
  const workers = await Promise.all([startHold(topic), startHold(topic), startHold(topic)]);
  for (const message of messages) await landed(message);
  expect(workers.map(missing).reduce((sum, count) => sum + count)).toBe(30);
  for (const { key } of messages) expect((await traces(database.pool, key)).effects).toBe(1);
});

it('a message started with an input that nobody can use is reported, and holds up no other', async () => {
  const topic = newTopic();
  const broken = await postUnattended(topic, soonMs(2), { v: 1, topic: topic.name, tenant: 'ac me' });
  const good = await postUnattended(topic, soonMs(2));
  const worker = await startHold(topic);
  await landed(good);
  expect(missing(worker)).toBe(1);
  expect(worker.errors).toContainEqual(expect.objectContaining({ message: expect.stringMatching(/tenant/) }));
  expect((await traces(database.pool, broken.key)).decisions).toBe(0);
});

it('a message whose memo cannot be decoded is counted, and lands like its neighbour; one whose payload cannot waits', async () => {
  const topic = newTopic();
  const dueInMs = soonMs(3);
  const foreign = async (odd: Parameters<typeof startForeign>[2]) => {
    const message = effectMessage(dueInMs, { topic: topic.name, leadMs: 10_000 });
    await startForeign(temporal, message, { taskQueue: 'nobody', ...odd });
    return message;
  };
  const odd = await foreign({ memo: { cycle: unreadablePayload, commandId: unreadablePayload } });
  const closed = await foreign({ input: [unreadablePayload] });
  const good = await postUnattended(topic, dueInMs);
  const worker = await startHold(topic);
  await landed(good);
  await landed(odd);
  expect(missing(worker)).toBe(2);
  // Once, although each round of the roll call sees it.
  expect(worker.reported.unreadable).toHaveLength(1);
  expect(worker.errors).toContainEqual(
    expect.objectContaining({ message: expect.stringMatching(/cannot be decoded \(encoding binary\/encrypted\)/) }),
  );
  expect((await traces(database.pool, closed.key)).decisions).toBe(0);
});

it('a cancelled message that Temporal still lists is not landed', async () => {
  const topic = newTopic();
  const message = await postUnattended(topic, soonMs(2));
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
     values ($1, 'acme', $2, 1, 'cancelled', to_timestamp($3::float8 / 1000), false)`,
    [topic.name, message.key, message.dueAt],
  );
  const other = await postUnattended(topic, soonMs(2));
  const worker = await startHold(topic);
  await landed(other);
  expect(missing(worker)).toBe(1);
  expect((await traces(database.pool, message.key)).effects).toBe(0);
});

it('a message of which a cancel waits for a workflow worker is left to that worker', async () => {
  const topic = newTopic();
  const message = await postUnattended(topic, soonMs(2));
  await temporal.client.workflow.getHandle(workflowIdOf(message)).signal('cancel', { commandId: nanoid() });
  const other = await postUnattended(topic, soonMs(2));
  const worker = await startHold(topic);
  await landed(other);
  expect(missing(worker)).toBe(1);
  expect((await traces(database.pool, message.key)).decisions).toBe(0);
});

it('a worker calls the roll of its topics', async () => {
  const topic = newTopic();
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [effectsSchema] }, async () => {
    const message = await postUnattended(topic, 2_500 + soonMs(1));
    await landed(message);
  });
});

it('a message that nobody holds, and that is of a lane, is left to the lane, and lands there', async () => {
  const topic = newTopic();
  await changeLane(
    database.pool,
    { topic: topic.name, lane: 'canary', what: 'set', author: 'the test', reason: 'acme first' },
    { rules: [{ tenants: ['acme'] }] },
  );
  started.push(await startAny([topic], {}, { lane: 'canary' }));
  await eventually(async () => {
    const { rowCount } = await database.pool.query('select 1 from postdate.worker where topics @> array[$1]', [
      topic.name,
    ]);
    expect(rowCount).toBe(1);
  });
  const message = await postUnattended(topic, soonMs(2));
  const worker = await startHold(topic);
  await landed(message);
  const { rows } = await database.pool.query(
    'select lane, decided_at >= due_at as due from postdate.delivery where key = $1',
    [message.key],
  );
  expect(rows).toEqual([{ lane: 'canary', due: true }]);
  expect(missing(worker)).toBe(1);
});
