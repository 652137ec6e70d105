import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { cancel } from '../../src/client';
import { startSweepOfEndings } from '../../src/maintenance/wrongly-ended';
import { type Landed, wakeSignal } from '../../src/message/commands';
import {
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import { memoOf } from '../../src/message/memo';
import { wakeAtOf } from '../../src/message/wake';
import { createDatabaseClock } from '../../src/platform/database/clock';
import type { Metrics } from '../../src/platform/telemetry/metrics';
import { readConfig } from '../../src/process/config';
import { createWaiting } from '../../src/producing/waiting-runs';
import type { Topic } from '../../src/topics/topic';
import { startWorker } from '../../src/worker';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { type TestHold, useHolds } from '../support/hold';
import { silentLog } from '../support/silent-log';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const startHold = useHolds(database);
const once = { effects: 1, decisions: 1, events: 1 };
const LIMITS = { afterDueMs: 500, everyMs: 500 };

const newTopic = (fields: Partial<Topic> = {}): Topic => ({
  ...effectTopic(),
  leadMs: 1_000,
  name: `test.${nanoid(6).replace(/\W/g, 'x')}`,
  ...fields,
});
const handleOf = (message: ScheduledMessage) => temporal.client.workflow.getHandle(workflowIdOf(message));
const tracesOf = ({ key }: ScheduledMessage) => traces(database.pool, key);
const endedAsTold = (message: ScheduledMessage) =>
  eventually(async () => expect((await handleOf(message).describe()).status.name).toBe('COMPLETED'));

/** A message that workers fetch by sets, due in two seconds; of some, one that then sleeps for longest. */
async function post(topic: Topic, fields: Partial<ScheduledMessage> = {}): Promise<ScheduledMessage> {
  const fetched = { topic: topic.name, leadMs: 1_000, bySets: true, ...fields };
  const some = Array.from({ length: 20 }, () => effectMessage(2_000, fetched));
  const followsMs = (one: ScheduledMessage) => wakeAtOf(one) - one.dueAt;
  const message = some.sort((one, next) => followsMs(next) - followsMs(one))[0] as ScheduledMessage;
  await start(message);
  return message;
}
const start = (message: ScheduledMessage) =>
  temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(message),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [message],
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    memo: { ...memoOf(message) },
    typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
  });

/** While no worker of their topics is there, a client tells the runs of these that they have landed. */
async function forge(topics: Topic[], posted: () => Promise<ScheduledMessage[]>): Promise<ScheduledMessage[]> {
  return temporal.withWorker(database, { topics: [newTopic()], consumers: [], schemas: [effectsSchema] }, async () => {
    const messages = await posted();
    expect(messages.map(({ topic }) => topic).every((name) => topics.some((topic) => topic.name === name))).toBe(true);
    await eventually(async () => expect(Date.now()).toBeGreaterThan(Math.max(...messages.map(({ dueAt }) => dueAt))));
    const tell = ({ cycle, dueAt, postId }: ScheduledMessage): Landed => {
      return { decision: { cycle, outcome: 'delivered', decidedAt: dueAt }, dueAt, postId };
    };
    for (const message of messages) await handleOf(message).signal(wakeSignal, tell(message));
    for (const message of messages) await endedAsTold(message);
    return messages;
  });
}

/** Workers of these topics, and the sweep of endings of the first of them, that looks at once. */
async function withSweep(topics: [Topic, ...Topic[]], during: (swept: TestHold) => Promise<void>): Promise<void> {
  await temporal.withWorker(database, { topics, consumers: [], schemas: [effectsSchema] }, async () => {
    const test = await startHold([topics[0]]);
    const clock = createDatabaseClock();
    await clock.read(database.pool);
    const metrics = { rescued: (...values: Parameters<Metrics['rescued']>) => void test.reported.rescued.push(values) };
    const onError = (error: unknown) => void test.errors.push(error);
    const { pool } = database;
    const { client } = temporal;
    const deps = { pool, client, clock, metrics, log: silentLog, onError, waiting: createWaiting(client) };
    const sweep = startSweepOfEndings(deps, test.hold, topics[0], LIMITS);
    try {
      await during(test);
      expect(test.errors).toEqual([]);
    } finally {
      await sweep.stop();
      await test.leave();
    }
  });
}

it('a message whose run was told of a landing that never was lands once; the run of a topic that is not swept stays as it was told', async () => {
  const [topic, unswept] = [newTopic(), newTopic()];
  const messages = await forge([topic, unswept], async () => [await post(topic), await post(unswept)]);
  const [message, other] = messages as [ScheduledMessage, ScheduledMessage];
  expect(await tracesOf(message)).toEqual({ effects: 0, decisions: 0, events: 0 });
  await withSweep([topic, unswept], async ({ reported }) => {
    await eventually(async () => expect(await tracesOf(message)).toEqual(once));
    expect(await handleOf(message).result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
    expect(reported.rescued).toEqual([[topic.name, 'wronglyEnded', 1]]);
    const { rows } = await database.pool.query('select late from postdate.delivery where key = $1', [message.key]);
    expect(rows).toEqual([{ late: false }]);
  });
  expect(await tracesOf(other)).toEqual({ effects: 0, decisions: 0, events: 0 });
});

it('a series whose run was told that it is over goes on', async () => {
  const topic = newTopic();
  const [message] = (await forge([topic], async () => [await post(topic)])) as [ScheduledMessage];
  // It had landed, and its handler had said "again".
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late, next_cycle, next_due_at)
     values ($1, 'acme', $2, 1, 'delivered', to_timestamp($3::float8 / 1000), false, 2, now() + interval '1 s')`,
    [topic.name, message.key, message.dueAt],
  );
  await withSweep([topic], async () => {
    await eventually(async () => expect((await tracesOf(message)).effects).toBe(1));
    expect(await handleOf(message).result()).toMatchObject({ outcome: 'delivered', cycle: 2 });
  });
});

it('a message whose name waits again by then lands all the same', async () => {
  const topic = newTopic();
  const [message] = (await forge([topic], async () => [await post(topic)])) as [ScheduledMessage];
  await start({ ...message, cycle: 2, dueAt: Date.now() + 3_600_000 });
  await withSweep([topic], async ({ reported }) => {
    await eventually(async () => expect(await tracesOf(message)).toEqual(once));
    await eventually(async () => expect(reported.rescued).toEqual([[topic.name, 'wronglyEnded', 1]]));
  });
  expect((await handleOf(message).describe()).status.name).toBe('RUNNING');
});

it('a message that was cancelled, or that an operator has terminated, is left alone, whatever the ledger has lost of it', async () => {
  const topic = newTopic();
  const [cancelled, terminated] = await temporal.withWorker(
    database,
    { topics: [topic], consumers: [], schemas: [effectsSchema] },
    async () => {
      const posted = [await post(topic), await post(topic)] as const;
      expect(await cancel(temporal.client, posted[0])).toEqual({ result: 'cancelled' });
      await handleOf(posted[1]).terminate();
      return posted;
    },
  );
  await database.pool.query('delete from postdate.delivery where topic = $1', [topic.name]);
  const [told] = (await forge([topic], async () => [await post(topic)])) as [ScheduledMessage];
  await withSweep([topic], async () => {
    // Posted last: once it has landed, the others have been looked at.
    await eventually(async () => expect(await tracesOf(told)).toEqual(once));
  });
  for (const message of [cancelled, terminated]) expect((await tracesOf(message)).decisions).toBe(0);
  expect((await handleOf(cancelled).describe()).status.name).toBe('COMPLETED');
});

it('a message with a row, whose run was told of a landing that never was, is landed from its row', async () => {
  await database.pool.query('create table public.told_row (key text primary key, due_at timestamptz)');
  const topic = newTopic({
    businessRows: `select 'acme' as tenant, key, 1 as cycle, due_at, '{"note": "n"}'::jsonb as payload, true as waits,
                          null::text as told from public.told_row`,
  });
  const [message] = (await forge([topic], async () => [await post(topic)])) as [ScheduledMessage];
  const row = 'insert into public.told_row select $1, to_timestamp($2::float8 / 1000)';
  await database.pool.query(row, [message.key, message.dueAt]);
  expect((await tracesOf(message)).decisions).toBe(0);
  const soon = { POSTDATE_SWEEP_GRACE_SECONDS: '1', POSTDATE_SWEEP_EVERY_SECONDS: '1' };
  const config = readConfig({ ...temporal.envFor(database), ...soon });
  const parts = { topics: [topic], consumers: [], schemas: [effectsSchema] };
  const worker = await startWorker(config, parts, pino({ level: 'silent' }));
  await eventually(async () => expect(await tracesOf(message)).toEqual(once)).finally(() => worker.stop());
  await worker.finished;
});
