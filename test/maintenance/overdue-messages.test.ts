import { setTimeout as pause } from 'node:timers/promises';
import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { cancel, schedule } from '../../src/client';
import { startLostAnswers } from '../../src/maintenance/lost-answers';
import { startSweepOfMessages } from '../../src/maintenance/overdue-messages';
import { createRecovery } from '../../src/maintenance/recovery';
import { type ScheduledMessage, searchAttributesOf, workflowIdOf } from '../../src/message/contract';
import { createDatabaseClock } from '../../src/platform/database/clock';
import { errorContextOf } from '../../src/platform/telemetry/error-context';
import type { Metrics } from '../../src/platform/telemetry/metrics';
import { createWaiting } from '../../src/producing/waiting-runs';
import { done, type Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { type TestHold, useHolds } from '../support/hold';
import { silentLog } from '../support/silent-log';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const startHold = useHolds(database);
const once = { effects: 1, decisions: 1, events: 1 };
// It acts on what is overdue by a second, and what is overdue by five is no longer recent.
const SWEEP = { graceMs: 4_000, everyMs: 500 };
const ends: (() => Promise<unknown>)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

const newName = () => `test.${nanoid(6).replace(/\W/g, 'x')}`;
const newTopic = (): Topic => ({ ...groupTopic({}, { leadMs: 0 }), name: newName() });

/** A worker with this sweep alone: nothing else could bring it a message. */
async function startSweeping(topics: Topic[], limits = SWEEP): Promise<TestHold> {
  const test = await startHold(topics);
  const clock = createDatabaseClock();
  await clock.read(database.pool);
  const metrics = { rescued: (...values: Parameters<Metrics['rescued']>) => void test.reported.rescued.push(values) };
  const onError = (error: unknown) => void test.errors.push(error);
  const recovery = createRecovery(temporal.client);
  const { pool } = database;
  const lostAnswers = startLostAnswers({ pool, recovery, onError });
  const sweep = startSweepOfMessages(
    {
      ...{ pool, worker: test.worker, clock, metrics, log: silentLog, onError },
      ...{ waiting: createWaiting(temporal.client), recovery, lostAnswers },
    },
    test.hold,
    topics,
    limits,
  );
  ends.push(async () => {
    await Promise.all([sweep.stop(), lostAnswers.stop()]);
    await test.leave();
  });
  return test;
}

/** Starts a message that no workflow worker wakes: its tasks wait behind others, or its timer is lost. */
async function postUnattended(
  topic: Topic,
  dueInMs: number,
  { input, ...fields }: Partial<ScheduledMessage> & { input?: unknown } = {},
): Promise<ScheduledMessage> {
  const message = effectMessage(dueInMs, { topic: topic.name, leadMs: 0, ...fields });
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(message),
    taskQueue: 'nobody',
    args: [input ?? message],
    memo: { cycle: 1 },
    typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
  });
  return message;
}
const landed = ({ key }: { key: string }) =>
  eventually(async () => expect((await traces(database.pool, key)).decisions).toBe(1));
const decided = async (topic: Topic): Promise<number> =>
  (await database.pool.query('select 1 from postdate.delivery where topic = $1', [topic.name])).rowCount ?? 0;
const rescued = ({ reported }: TestHold, topic: Topic) =>
  reported.rescued.filter(([name]) => name === topic.name).map(([, reason]) => reason);

it('a message without a lead, and without rows, that Temporal does not wake in time lands once, not early', async () => {
  const topic = newTopic();
  const control = await startHold([topic]);
  ends.push(control.leave);
  const unattended = newTopic();
  const [message, alone] = [await postUnattended(topic, 1_500), await postUnattended(unattended, 500)];
  const worker = await startSweeping([topic]);
  await landed(message);
  expect(await traces(database.pool, message.key)).toEqual(once);
  const { rows } = await database.pool.query(
    'select decided_at >= due_at as due, late from postdate.delivery where key = $1',
    [message.key],
  );
  expect(rows).toEqual([{ due: true, late: false }]);
  await eventually(async () => expect(rescued(worker, topic)).toEqual(['notHeld']));
  // Without its sweep the other one, due before, stays where it is.
  expect(await decided(unattended)).toBe(0);
  expect(alone.dueAt).toBeLessThan(message.dueAt);
});

it('a message that was due before it was posted lands as late, and an older backlog lands too', async () => {
  const topic = newTopic();
  const messages = [];
  for (const agoMs of [2_000, 60_000, 3_600_000]) messages.push(await postUnattended(topic, -agoMs));
  const asleep = await postUnattended(topic, 3_600_000);
  const worker = await startSweeping([topic]);
  for (const message of messages) await landed(message);
  const { rows } = await database.pool.query('select distinct late from postdate.delivery where topic = $1', [
    topic.name,
  ]);
  expect(rows).toEqual([{ late: true }]);
  expect((await traces(database.pool, asleep.key)).decisions).toBe(0);
  expect(worker.errors).toEqual([]);
});

it('a message that a worker holds or that the ledger has decided is left alone', async () => {
  const gate = new AbortController();
  const released = new Promise((resolve) => gate.signal.addEventListener('abort', resolve));
  const topic = newTopic();
  const slow: Topic = { ...groupTopic({ landAll: () => released }, { leadMs: 0 }), name: topic.name };
  const holder = await startHold([slow]);
  ends.push(holder.leave);
  const held = await postUnattended(topic, -10);
  // It came when it was due, and waits for a slow landing since.
  const attempt = holder.deliver(slow, held);
  await eventually(async () => {
    const { rowCount } = await database.pool.query('select 1 from postdate.held where key = $1', [held.key]);
    expect(rowCount).toBe(1);
  });
  const cancelled = await postUnattended(topic, -10);
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
     values ($1, 'acme', $2, 1, 'cancelled', to_timestamp($3::float8 / 1000), false)`,
    [topic.name, cancelled.key, cancelled.dueAt],
  );
  const worker = await startSweeping([topic]);
  // Posted last: once it has landed, the others have been looked at.
  await landed(await postUnattended(topic, -10));
  gate.abort();
  await attempt;
  expect(rescued(worker, topic)).toEqual(['notHeld']);
  expect(worker.reported.landed.map(([, size]) => size)).toEqual([1]);
  expect((await traces(database.pool, cancelled.key)).effects).toBe(0);
});

it('a message of which a landing fails is tried again by Temporal alone', async () => {
  let tries = 0;
  const topic: Topic = {
    ...effectTopic(() => {
      tries += 1;
      if (tries < 3) throw new Error('not yet');
      return done;
    }),
    leadMs: 0,
    name: newName(),
  };
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
    const { tenant, key, dueAt, payload } = effectMessage(-10);
    await schedule(temporal.client, { topic, tenant, key, dueAt, payload: payload as never });
    await eventually(async () => expect(tries).toBe(1));
    const worker = await startSweeping([topic]);
    await landed({ key });
    expect(worker.reported.landed).toEqual([]);
  });
  expect(tries).toBe(3);
});

it('a message of which a cancel came in time is left to a workflow worker; a cancel that came too late holds up nothing', async () => {
  const topic = newTopic();
  // No workflow worker is there: nobody can answer, and the signals lie in the histories.
  const postAndCancel = async (dueInMs: number) => {
    const { tenant, key, dueAt, payload } = effectMessage(dueInMs);
    const ref = { topic: topic.name, tenant, key };
    await schedule(temporal.client, { topic, tenant, key, dueAt, payload: payload as never });
    expect(await cancel(temporal.client, ref, { deadlineMs: 1 })).toMatchObject({ result: 'requested' });
    return { ...ref, dueAt };
  };
  /** On a busy machine only a message that is due later is cancelled in time. */
  const postAndCancelInTime = async (dueInMs: number): ReturnType<typeof postAndCancel> => {
    const ref = await postAndCancel(dueInMs);
    if (Date.now() < ref.dueAt) return ref;
    await temporal.client.workflow.getHandle(workflowIdOf(ref)).terminate();
    return postAndCancelInTime(2 * dueInMs);
  };
  const tooLate = await postAndCancel(-10);
  const inTime = await postAndCancelInTime(3_000);
  const worker = await startSweeping([topic]);
  await landed(tooLate);
  await landed(await postUnattended(topic, inTime.dueAt - Date.now() + 100));
  expect((await traces(database.pool, inTime.key)).decisions).toBe(0);
  await eventually(async () => expect(rescued(worker, topic)).toHaveLength(2));
  // Its own workflow decides it, as soon as it has a worker.
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, () => landed(inTime));
  const { rows } = await database.pool.query('select outcome from postdate.delivery where key = $1', [tooLate.key]);
  expect(rows).toEqual([{ outcome: 'delivered' }]);
  expect(rescued(worker, topic)).toHaveLength(2);
});

it('a run that cannot be read is reported ever more rarely, and holds up no other', async () => {
  const topic = newTopic();
  const broken = await postUnattended(topic, -10, { input: { v: 1, topic: topic.name, tenant: 'ac me' } });
  const worker = await startSweeping([topic], { ...SWEEP, everyMs: 250 });
  for (let posts = 0; posts < 3; posts += 1) await landed(await postUnattended(topic, -10));
  await eventually(async () => expect(worker.errors).not.toEqual([]));
  await pause(2_500);
  expect(worker.errors).toContainEqual(expect.objectContaining({ message: expect.stringMatching(/tenant/) }));
  // At each of its rounds it would be 25 by now.
  expect(worker.errors.length).toBeLessThan(8);
  expect((await traces(database.pool, broken.key)).decisions).toBe(0);
});

it('a run of which no workflow has asked for the contract is landed only as the contract says, and holds up no other', async () => {
  const topic = newTopic();
  const odd = [
    { payload: { note: 'a\0b' } },
    { payload: 'x'.repeat(50_000) },
    { staleAfterMs: 'soon' },
    { postId: {} },
  ];
  const refused: ScheduledMessage[] = [];
  for (const fields of odd) refused.push(await postUnattended(topic, -10, fields as object));
  const worker = await startSweeping([topic]);
  for (let posts = 0; posts < 3; posts += 1) await landed(await postUnattended(topic, -10));
  await eventually(async () => {
    for (const { key } of refused)
      expect(worker.errors.map((error) => errorContextOf(error))).toContainEqual(expect.objectContaining({ key }));
  });
  for (const { key } of refused) expect((await traces(database.pool, key)).decisions).toBe(0);
});

it('neighbour: a message that is due now lands before an older backlog of its topic, of its tenant and of another topic', async () => {
  // Some 40 ms each: the backlog takes seconds.
  const slow: Topic = {
    ...effectTopic(async () => {
      await pause(40);
      return done;
    }),
    leadMs: 0,
    name: newName(),
  };
  const other = newTopic();
  const backlog = 150;
  await Promise.all(Array.from({ length: backlog }, () => postUnattended(slow, -60_000)));
  await eventually(async () => {
    const { count } = await temporal.client.workflow.count(`PostdateTopic = '${slow.name}'`);
    expect(count).toBe(backlog);
  });
  const fresh = [
    await postUnattended(slow, 500),
    await postUnattended(slow, 500, { tenant: 'globex' }),
    await postUnattended(other, 500),
  ];
  await startSweeping([slow, other]);
  for (const message of fresh) await landed(message);
  expect(await decided(slow)).toBeLessThan(backlog);
  await eventually(async () => expect(await decided(slow)).toBe(backlog + 2));
});
