import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import {
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import { timeSkippingServer } from '../support/time-skipping-server';
import { HOPPED, sceneTopic } from './scenes';

const DAY_MS = 86_400_000;

/** The history of a run that slept its thirty days and continued as new, on the server that skips time. */
export async function playHop() {
  const path = await timeSkippingServer();
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path } },
  });
  try {
    await env.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes: { PostdateTopic: 2, PostdateTenant: 2, PostdateKey: 2, PostdateDueAt: 6 },
    });
    const worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: WORKFLOW_TASK_QUEUE,
      workflowsPath: require.resolve('../../src/workflows'),
      dataConverter: { payloadConverterPath: require.resolve('../../src/workflows/tolerant-payload-converter') },
    });
    const dueAt = Math.round(await env.currentTimeMs()) + 45 * DAY_MS;
    const ref = { topic: sceneTopic.name, tenant: 'acme', key: HOPPED };
    const message: ScheduledMessage = { v: 1, ...ref, cycle: 1, dueAt, payload: { handler: 'done' } };
    return await worker.runUntil(async () => {
      const handle = await env.client.workflow.start('scheduledMessage', {
        workflowId: workflowIdOf(ref),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        memo: { cycle: 1 },
        typedSearchAttributes: searchAttributesOf(message),
      });
      await env.sleep(31 * DAY_MS);
      return env.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId).fetchHistory();
    });
  } finally {
    await env.teardown();
  }
}
