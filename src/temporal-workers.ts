import type { Client } from '@temporalio/client';
import { type ActivityInterceptorsFactory, type NativeConnection, Worker } from '@temporalio/worker';
import type { Pool } from 'pg';
import { createActivities } from './activities';
import type { Config } from './config';
import { type Delivery, deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from './contract';
import { DATA_CONVERTER } from './data-converter';
import { createHeartbeater } from './hold/heartbeater';
import type { Hold } from './hold/hold';
import type { Installation } from './installation';
import { runClosedOf } from './landing/run-closed';
import type { Topic } from './topic';
import { WORKFLOWS } from './workflow-bundle';
import { deploymentOptionsOf } from './workflow-version';

interface Parts {
  client: Client;
  connection: NativeConnection;
  pool: Pool;
  hold: Hold;
}

const sharedOf = (config: Config, connection: NativeConnection) =>
  ({
    connection,
    namespace: config.temporal.namespace,
    dataConverter: DATA_CONVERTER,
    shutdownGraceTime: `${config.shutdownGraceSeconds} s`,
    // After this the process ends even with a delivery stuck in a query; the ledger makes its retry harmless.
    shutdownForceTime: `${config.shutdownGraceSeconds + 5} s`,
  }) as const;

/** The SDK's workers of this process: one for the workflows, and one for each topic's deliveries. They do not run yet. */
export const createWorkers = async (config: Config, { topics }: Installation, parts: Parts): Promise<Worker[]> => [
  await createWorkflowWorker(config, parts.connection),
  ...(await createDeliveryWorkers(config, topics, parts)),
];

const createWorkflowWorker = (config: Config, connection: NativeConnection): Promise<Worker> =>
  Worker.create({
    ...sharedOf(config, connection),
    taskQueue: WORKFLOW_TASK_QUEUE,
    ...(config.workflowBundle
      ? { workflowBundle: { codePath: config.workflowBundle } }
      : { workflowsPath: WORKFLOWS.workflowsPath }),
    dataConverter: { ...DATA_CONVERTER, payloadConverterPath: WORKFLOWS.payloadConverterPath },
    maxCachedWorkflows: config.cachedWorkflows,
    // Of this one alone: which build delivers a message is the lanes' matter.
    workerDeploymentOptions: deploymentOptionsOf(config.workflowVersion),
  });

/** One for the deliveries of each of these topics, in the worker's lane. */
export function createDeliveryWorkers(
  config: Config,
  topics: Topic[],
  { client, connection, pool, hold }: Parts,
): Promise<Worker[]> {
  const delivering = { pool, hold, heartbeater: createHeartbeater(), runClosed: runClosedOf(client) };
  return Promise.all(
    topics.map((topic) =>
      Worker.create({
        ...sharedOf(config, connection),
        taskQueue: deliveryTaskQueue(topic.name, config.lane),
        activities: createActivities({ ...delivering, topic }),
        interceptors: { activity: [nameCycle] },
        // Cancels and moves need slots, too, when all that may be held is held; each of those takes a connection.
        maxConcurrentActivityTaskExecutions: config.heldMessages + config.databaseConnections,
      }),
    ),
  );
}

/** Runs workers until all have been shut down, or one has failed: then everything is stopped, and closed when they are done. */
export async function runToEnd(
  workers: Worker[],
  { stop, close }: { stop(): void; close(): Promise<void> },
): Promise<void> {
  const runs = workers.map((worker) => worker.run());
  try {
    await Promise.all(runs);
  } finally {
    stop();
    await Promise.allSettled(runs);
    await close();
  }
}

/** Has workers take no new work; those that have been told so before, or have ended, are left alone. */
export function shutDown(workers: Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

/** Has the SDK's lines about an activity say its message's cycle; topic, tenant and key they have by the workflow's id. */
const nameCycle: ActivityInterceptorsFactory = () => {
  let cycle: number | undefined;
  return {
    inbound: {
      execute(input, next) {
        cycle = (input.args[0] as Delivery | undefined)?.message?.cycle;
        return next(input);
      },
    },
    outbound: { getLogAttributes: (attributes, next) => next({ ...attributes, cycle }) },
  };
};
