import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { describe as describeMessage, list, schedule } from '../../src/client';
import { searchAttributesOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import { findStuckMessages } from '../../src/operating/stuck';
import { findUnservedTopics } from '../../src/operating/unserved-topics';
import { firstDueAt } from '../../src/producing/first-due';
import type { Topic } from '../../src/topics/topic';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
useFolder();
const failing: Topic = {
  ...effectTopic(() => {
    throw new Error('the account service is away');
  }),
  name: 'test.failing',
};
const unserved: Topic = { ...effectTopic(), name: 'test.unserved' };

const post = (topic: Topic, dueInMs: number) => {
  const key = nanoid();
  const dueAt = Date.now() + dueInMs;
  return schedule(temporal.client, { topic, tenant: 'acme', key, dueAt, payload: { note: 'n' } as never }).then(
    () => key,
  );
};
async function stuckOf({ name: topic }: Topic, graceMs = 1_000) {
  const found = [];
  for await (const one of findStuckMessages(temporal.client, { topic, graceMs })) found.push(one);
  return found;
}

it('what is past its due time is listed with its reason, and nothing else is', async () => {
  await temporal.withWorker(database, { topics: [failing], consumers: [], schemas: [] }, async () => {
    const [troubled, waiting] = [await post(failing, -5_000), await post(unserved, -5_000)];
    await post(failing, 3_600_000);
    await eventually(async () => {
      expect(await stuckOf(failing)).toEqual([
        expect.objectContaining({
          key: troubled,
          why: 'handlerFails',
          detail: expect.stringContaining('the account service is away'),
        }),
      ]);
    });
    await eventually(async () => {
      expect(await stuckOf(unserved)).toEqual([expect.objectContaining({ key: waiting, why: 'waitsForAWorker' })]);
    });
    expect(await stuckOf(failing, 60_000)).toEqual([]);
  });
});

it('a message whose zone no worker knows is listed with the zone', async () => {
  const topic: Topic = { ...effectTopic(), name: 'test.zoned' };
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
    const message = effectMessage(-5_000, { topic: topic.name });
    const { dueAt } = message;
    const repeat = { every: 'P1D', zone: 'Mars/Olympus', startAt: dueAt, at: dueAt, done: 0 };
    await temporal.client.workflow.start('scheduledMessage', {
      workflowId: workflowIdOf(message),
      taskQueue: WORKFLOW_TASK_QUEUE,
      args: [{ ...message, repeat }],
      typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
    });
    await eventually(async () => {
      expect(await stuckOf(topic)).toEqual([
        expect.objectContaining({
          key: message.key,
          why: 'handlerFails',
          detail: expect.stringContaining('repeat.zone: the zone data of this worker lacks Mars/Olympus'),
        }),
      ]);
    });
  });
});

it('what no workflow worker has taken says so', async () => {
  const message = effectMessage(-5_000, { topic: 'test.asleep' });
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(message),
    taskQueue: 'nobody',
    args: [message],
    typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
  });
  await eventually(async () => {
    expect(await stuckOf({ ...effectTopic(), name: 'test.asleep' })).toEqual([
      expect.objectContaining({ key: message.key, why: 'waitsForAWorkflowWorker' }),
    ]);
  });
});

it('a topic that no worker serves is named, installed or not, with how many messages wait and when the first is due', async () => {
  const elsewhere: Topic = { ...effectTopic(), name: 'test.elsewhere' };
  const [, first] = [
    await post(elsewhere, 7_200_000),
    await post(elsewhere, 3_600_000),
    await post(elsewhere, 5_400_000),
  ];
  const { dueAt } =
    (await describeMessage(temporal.client, { topic: elsewhere.name, tenant: 'acme', key: first })) ?? {};
  await temporal.withWorker(database, { topics: [failing], consumers: [], schemas: [] }, async () => {
    await post(failing, 3_600_000);
    await eventually(async () => {
      const found = [];
      const topics = [failing.name, unserved.name];
      for await (const one of findUnservedTopics(temporal.client, { topics })) found.push(one);
      expect(found).toEqual([
        expect.objectContaining({
          topic: unserved.name,
          waiting: 1,
          detail: expect.stringMatching(/; polled by nobody$/),
        }),
        ...['test.asleep', 'test.elsewhere'].map((topic) => expect.objectContaining({ topic })),
      ]);
      expect(found[2]).toEqual({
        topic: elsewhere.name,
        why: 'notServed',
        waiting: 3,
        firstDueAt: dueAt,
        detail: `3 messages wait, the first due ${dueAt}; polled by nobody, not installed here`,
      });
    });
  });
  // Of more than can be listed, the first is searched for.
  for (const listed of [1, 2, 3]) {
    expect(await firstDueAt(temporal.client, { topic: elsewhere.name }, { listed })).toBe(dueAt);
  }
  expect(await firstDueAt(temporal.client, { topic: 'test.none' })).toBeUndefined();
});

it('postdate stuck names a topic that nobody serves, and ends with 0 when nothing is stuck', async () => {
  Object.assign(process.env, temporal.envFor(database));
  const installed = { topics: [unserved], consumers: [], schemas: [] };
  const found = await inHere(['stuck'], installed);
  expect(found).toMatchObject({ code: 1, errors: '' });
  expect(found.printed).toMatch(
    /^test\.elsewhere {2}notServed: 3 messages wait, the first due 2.*not installed here$/m,
  );
  for await (const { workflowId } of list(temporal.client, { state: 'waiting' })) {
    await temporal.client.workflow.getHandle(workflowId).terminate();
  }
  await eventually(async () =>
    expect((await temporal.client.workflow.count(`ExecutionStatus = 'Running'`)).count).toBe(0),
  );
  const env = { DATABASE_URL: database.url, ...temporal.env() };
  const cli = runLocal('app/cli.ts', { args: ['stuck', '--json'], env });
  expect(await cli.exitCode).toBe(0);
  expect(JSON.parse(cli.printed())).toEqual([]);
});
