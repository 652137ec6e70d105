import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { cancel, schedule } from '../../../src/client';
import {
  type MessageRef,
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../../src/message/contract';
import { memoOf } from '../../../src/message/memo';
import { wakeAtOf } from '../../../src/message/wake';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useHolds } from '../../support/hold';
import { repeatUntilInTime } from '../../support/in-time';
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

/** How many activities the run of a message has asked for. */
async function activitiesOf(ref: MessageRef): Promise<number | undefined> {
  const { events } = await temporal.client.workflow.getHandle(workflowIdOf(ref)).fetchHistory();
  return events?.filter((event) => event.activityTaskScheduledEventAttributes).length;
}

const heldOf = async (topic: Topic) =>
  (await database.pool.query('select 1 from postdate.held where topic = $1', [topic.name])).rowCount;

const ROUNDS_MS = 300_000;

it(
  'in a burst that is held by sets, what was cancelled before it was due does not land, and its run ends; the others land',
  () =>
    repeatUntilInTime(async (dueAt) => {
      const topic = newTopic();
      const posts = Array.from({ length: 200 }, () => ({
        topic,
        tenant: 'acme',
        key: nanoid(),
        dueAt,
        payload: { note: 'n' },
      }));
      const cancelled = posts.slice(170, 190);
      const others = posts.filter((post) => !cancelled.includes(post));
      let inTime = false;
      await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
        await Promise.all(posts.map((post) => schedule(temporal.client, post)));
        await eventually(async () => expect((await heldOf(topic)) === 200 || Date.now() > dueAt).toBe(true));
        const answers = await Promise.all(
          cancelled.map(({ tenant, key }) => cancel(temporal.client, { topic: topic.name, tenant, key })),
        );
        inTime = Date.now() < dueAt;
        if (!inTime) return;
        expect(answers).toEqual(cancelled.map(() => ({ result: 'cancelled' })));
        await eventually(async () => expect(await landedOf(topic)).toEqual(keysOf(others)));
        // Half of the burst sleeps beyond its due time, up to five minutes: it is woken.
        await eventually(async () => expect(await running(topic)).toBe(0));
      });
      if (!inTime) return false;
      // The first hundred woke by themselves. Of the others, those that would have slept for a minute more were told the decision,
      // and asked no worker for it.
      const refs = posts.slice(100, 170).map(({ tenant, key }) => ({ topic: topic.name, tenant, key, dueAt }));
      const told = refs.filter((ref) => wakeAtOf({ ...ref, inBurst: true }) > dueAt + 60_000).slice(0, 5);
      expect(await Promise.all(told.map(activitiesOf))).toEqual([0, 0, 0, 0, 0]);
      // The control: one that woke by itself has asked.
      expect(await activitiesOf({ topic: topic.name, tenant: 'acme', key: posts[0]?.key as string })).toBe(1);
      expect(await landedOf(topic)).toEqual(keysOf(others));
      return true;
    }),
  ROUNDS_MS,
);

it(
  'while no workflow worker is there, a message with a waiting cancel is left to its workflow; the others land',
  () =>
    repeatUntilInTime(async (dueAt) => {
      const topic = newTopic();
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
      await eventually(async () => expect((await heldOf(topic)) === 200 || Date.now() > dueAt).toBe(true));
      const cancelled = messages.slice(90, 110);
      await Promise.all(
        cancelled.map((message) =>
          temporal.client.workflow.getHandle(workflowIdOf(message)).signal('cancel', { commandId: nanoid() }),
        ),
      );
      if (Date.now() >= dueAt) {
        await worker.leave();
        return false;
      }
      const others = keysOf(messages.filter((message) => !cancelled.includes(message)));
      await eventually(async () => expect(await landedOf(topic)).toEqual(others));
      expect(worker.errors).toEqual([]);
      await worker.leave();
      const { rowCount } = await database.pool.query('select 1 from postdate.delivery where topic = $1', [topic.name]);
      expect(rowCount).toBe(others.length);
      return true;
    }),
  ROUNDS_MS,
);
