import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { searchAttributesOf, workflowIdOf } from '../../src/message/contract';
import { findStuckMessages } from '../../src/operating/stuck';
import type { Topic } from '../../src/topics/topic';
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

it('postdate stuck ends with 0 when nothing is', async () => {
  const env = { DATABASE_URL: database.url, ...temporal.env() };
  const cli = runLocal('app/cli.ts', { args: ['stuck', '--json'], env });
  expect(await cli.exitCode).toBe(0);
  expect(JSON.parse(cli.printed())).toEqual([]);
});
