import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, Worker, type WorkflowBundle } from '@temporalio/worker';
import {
  deliveryTaskQueue,
  type LedgerActivities,
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import type { Ending } from '../../src/message/decision';
import { quietLogger } from './quiet-runtime';

const converter = require.resolve('../../src/workflows/tolerant-payload-converter');

/** The production workflows as one bundle, with the payload converter they run with. */
export const bundleWorkflows = (): Promise<WorkflowBundle & { code: string }> =>
  bundleWorkflowCode({
    workflowsPath: require.resolve('../../src/workflows'),
    payloadConverterPath: converter,
    logger: quietLogger,
  });

/** Temporal's time-skipping server: while a result or `sleep` is awaited, time runs as fast as the work allows. */
export function useTimeSkipping() {
  const held = {} as { env: TestWorkflowEnvironment; workflowBundle: WorkflowBundle };
  beforeAll(async () => {
    held.env = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: process.env.POSTDATE_TEST_TIME_SKIPPING as string } },
    });
    // This server cannot list them, so the product's own registration (which does) is tested on the dev server.
    await held.env.connection.operatorService.addSearchAttributes({
      namespace: 'default',
      searchAttributes: { PostdateTopic: 2, PostdateTenant: 2, PostdateKey: 2, PostdateDueAt: 6 },
    });
    held.workflowBundle = await bundleWorkflows();
  });
  afterAll(() => held.env?.teardown());

  return {
    get env() {
      return held.env;
    },
    /** Runs `test` beside a workflow worker and a worker of the topic. */
    async withWorkers(topic: string, activities: LedgerActivities, test: () => Promise<void>): Promise<void> {
      const connection = held.env.nativeConnection;
      const dataConverter = { payloadConverterPath: converter };
      const { workflowBundle } = held;
      const sleepers = await Worker.create({
        connection,
        taskQueue: WORKFLOW_TASK_QUEUE,
        workflowBundle,
        dataConverter,
      });
      const deliveries = await Worker.create({ connection, taskQueue: deliveryTaskQueue(topic), activities });
      await deliveries.runUntil(() => sleepers.runUntil(test));
    },
    /** Starts the workflow as a producer does; the client's checks are not this test's subject. */
    start(
      message: ScheduledMessage,
      { memo = { cycle: message.cycle } }: { memo?: Record<string, unknown> } = {},
    ): Promise<WorkflowHandle<() => Promise<Ending>>> {
      return held.env.client.workflow.start('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        memo,
        typedSearchAttributes: searchAttributesOf(message),
      });
    },
  };
}
