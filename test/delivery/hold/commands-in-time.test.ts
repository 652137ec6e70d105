import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { cancel, schedule } from '../../../src/client';
import {
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../../src/message/contract';
import { memoOf } from '../../../src/message/memo';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useHolds } from '../../support/hold';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const startHold = useHolds(database);
const newTopic = (): Topic => ({
  ...groupTopic({}, { leadMs: 5_000 }),
  name: `test.${nanoid(6).replace(/\W/g, 'x')}`,
});
const keysOf = (messages: { key: string }[]) => messages.map(({ key }) => key).sort();
const running = async (topic: Topic) =>
  (await temporal.client.workflow.count(`PostdateTopic = '${topic.name}' and ExecutionStatus = 'Running'`)).count;

/** The keys that have landed, and have had their effect once. */
async function landedOf(topic: Topic): Promise<string[]> {
  const { rows } = await database.pool.query<{ key: string }>(
    `select key from postdate.delivery
      where topic = $1 and outcome = 'delivered'
        and (select count(*) from effects.effect where effect.key = delivery.key) = 1 order by key`,
    [topic.name],
  );
  return rows.map(({ key }) => key).sort();
}

const heldOf = async (topic: Topic) =>
  (await database.pool.query('select 1 from postdate.held where topic = $1', [topic.name])).rowCount;

it('in a burst that is held by sets, what was cancelled before it was due does not land, and its run ends; the others land', async () => {
  const topic = newTopic();
  const dueAt = Date.now() + 15_000;
  const posts = Array.from({ length: 200 }, () => ({
    topic,
    tenant: 'acme',
    key: nanoid(),
    dueAt,
    payload: { note: 'n' },
  }));
  const cancelled = posts.slice(170, 190);
  const others = posts.filter((post) => !cancelled.includes(post));
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
    await Promise.all(posts.map((post) => schedule(temporal.client, post)));
    await eventually(async () => expect(await heldOf(topic)).toBe(200));
    const answers = await Promise.all(
      cancelled.map(({ tenant, key }) => cancel(temporal.client, { topic: topic.name, tenant, key })),
    );
    expect(answers).toEqual(cancelled.map(() => ({ result: 'cancelled' })));
    await eventually(async () => expect(await landedOf(topic)).toEqual(keysOf(others)));
    // Half of the burst sleeps beyond its due time, up to five minutes: it is woken.
    await eventually(async () => expect(await running(topic)).toBe(0));
  });
  expect(await landedOf(topic)).toEqual(keysOf(others));
});

it('while no workflow worker is there, a message with a waiting cancel is left to its workflow; the others land', async () => {
  const topic = newTopic();
  const dueAt = Date.now() + 10_000;
  const messages = Array.from(
    { length: 200 },
    (): ScheduledMessage => effectMessage(0, { topic: topic.name, leadMs: 5_000, inBurst: true, dueAt }),
  );
  await Promise.all(
    messages.map((message) =>
      temporal.client.workflow.start('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        memo: { ...memoOf(message) },
        typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
      }),
    ),
  );
  const worker = await startHold([topic], {}, { temporal });
  await eventually(async () => expect(await heldOf(topic)).toBe(200));
  const cancelled = messages.slice(90, 110);
  await Promise.all(
    cancelled.map((message) =>
      temporal.client.workflow.getHandle(workflowIdOf(message)).signal('cancel', { commandId: nanoid() }),
    ),
  );
  // The control of the test: they were sent in time.
  expect(Date.now()).toBeLessThan(dueAt);
  const others = keysOf(messages.filter((message) => !cancelled.includes(message)));
  await eventually(async () => expect(await landedOf(topic)).toEqual(others));
  expect(worker.errors).toEqual([]);
  await worker.leave();
  const { rowCount } = await database.pool.query('select 1 from postdate.delivery where topic = $1', [topic.name]);
  expect(rowCount).toBe(others.length);
});
