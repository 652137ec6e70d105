import { nanoid } from 'nanoid';
import { describe as describeMessage, schedule } from '../../src/client';
import { deliveryTaskQueue, type ScheduledMessage, workflowIdOf } from '../../src/message/contract';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const once = { effects: 1, decisions: 1, events: 1 };
const other: Topic = { ...effectTopic(), name: 'test.other' };
const partsOf = (...topics: Topic[]) => ({ topics, consumers: [], schemas: [] });
// Temporal would take its worker for dead after ten and a half minutes.
const newTopic = (): Topic => ({
  ...groupTopic({}, { leadMs: 600_000 }),
  name: `test.${nanoid(6).replace(/\W/g, 'x')}`,
});

const refOf = ({ topic, tenant, key }: ScheduledMessage) => ({ topic, tenant, key });
const handleOf = (message: ScheduledMessage) => temporal.client.workflow.getHandle(workflowIdOf(refOf(message)));
const stateOf = async (message: ScheduledMessage) => (await describeMessage(temporal.client, refOf(message)))?.state;

/** Posts a message and takes its delivery as Temporal does that loses it: it counts as begun, and no worker ever gets it. */
async function postAndLose(topic: Topic, message: ScheduledMessage, fields = {}): Promise<Uint8Array> {
  const { namespace, connection, client } = temporal;
  const { tenant, key, dueAt, payload } = message;
  const poll = { namespace, taskQueue: { name: deliveryTaskQueue(topic.name) }, identity: 'lost' };
  // Only its workflow has a worker.
  return temporal.withWorker(database, partsOf(other), async () => {
    await schedule(client, { topic, tenant, key, dueAt, payload: payload as never, ...fields });
    const { taskToken } = await connection.withDeadline(Date.now() + 60_000, () =>
      connection.workflowService.pollActivityTaskQueue(poll),
    );
    expect(taskToken?.length).toBeGreaterThan(0);
    const { raw } = await handleOf(message).describe();
    expect(raw.pendingActivities).toEqual([expect.objectContaining({ state: 2, lastWorkerIdentity: 'lost' })]);
    return taskToken as Uint8Array;
  });
}

it('a message of which the delivery is lost lands soon after it is due, and its run ends: at a late answer nothing changes', async () => {
  const topic = newTopic();
  const message = effectMessage(1_000, { topic: topic.name });
  const taskToken = await postAndLose(topic, message);
  await temporal.withWorker(database, partsOf(topic), async () => {
    // By default in `eventually`'s minute, where the time-out of the delivery takes ten.
    await eventually(async () => expect(await traces(database.pool, message.key)).toEqual(once));
    await eventually(async () => expect(await stateOf(message)).toBe('ended'));
  });
  expect(await handleOf(message).result()).toMatchObject({ outcome: 'delivered', cycle: 1 });
  await expect(temporal.client.activity.complete(taskToken, 'nonsense')).rejects.toThrow(/not found/i);
  expect(await traces(database.pool, message.key)).toEqual(once);
});

it('a message that the roll call holds although its delivery is lost lands, and its next cycle does not wait for a time-out', async () => {
  const topic = newTopic();
  const message = effectMessage(6_000, { topic: topic.name });
  await postAndLose(topic, message, { repeat: { every: 'PT4S', maxCycles: 2 } });
  await temporal.withWorker(database, partsOf(topic), async () => {
    await eventually(async () =>
      expect(await traces(database.pool, message.key)).toEqual({ effects: 2, decisions: 2, events: 2 }),
    );
    await eventually(async () => expect(await stateOf(message)).toBe('ended'));
  });
});
