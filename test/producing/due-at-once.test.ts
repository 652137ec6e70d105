import { nanoid } from 'nanoid';
import { schedule } from '../../src/client';
import { WORKFLOW_TASK_QUEUE, workflowIdOf } from '../../src/message/contract';
import type { Topic } from '../../src/topics/topic';
import { effectMessage, effectTopic } from '../support/effects';
import { useOwnTemporal } from '../support/temporal';

// Servers from 1.31 know priorities by default. One partition: each keeps an order of its own.
const temporal = useOwnTemporal({
  dynamicConfig: {
    'matching.useNewMatcher': true,
    'matching.numTaskqueueReadPartitions': 1,
    'matching.numTaskqueueWritePartitions': 1,
  },
});
const topic: Topic = { ...effectTopic(), leadMs: 10_000 };

async function post(dueInMs: number): Promise<string> {
  const key = nanoid();
  await schedule(temporal.client, {
    topic,
    tenant: 'acme',
    key,
    dueAt: Date.now() + dueInMs,
    payload: { note: 'n' } as never,
  });
  return workflowIdOf({ topic: topic.name, tenant: 'acme', key });
}

/** The workflow whose task the next worker gets. */
async function nextTask(): Promise<string | null | undefined> {
  const { connection, namespace } = temporal;
  const poll = { namespace, taskQueue: { name: WORKFLOW_TASK_QUEUE }, identity: 'test' };
  const { workflowExecution } = await connection.withDeadline(Date.now() + 60_000, () =>
    connection.workflowService.pollWorkflowTaskQueue(poll),
  );
  return workflowExecution?.workflowId;
}

it('a message that is due within its lead is begun before all that waits for a worker, and only such a message', async () => {
  const sleepers = [];
  for (let posts = 0; posts < 10; posts += 1) sleepers.push(await post(3_600_000));
  const urgent = [await post(-1), await post(5_000)];
  // As other clients start a message, which say nothing of its priority.
  const foreign = effectMessage(-1);
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(foreign),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [foreign],
  });
  const tasks = [];
  for (let polls = 0; polls < 4; polls += 1) tasks.push(await nextTask());
  expect(tasks.slice(0, 2).sort()).toEqual(urgent.sort());
  expect(sleepers).toEqual(expect.arrayContaining(tasks.slice(2)));
});
