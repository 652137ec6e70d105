import type { Client } from '@temporalio/client';
import { type ActivityInterceptorsFactory, type NativeConnection, Worker } from '@temporalio/worker';
import type { Pool } from 'pg';
import { createActivities } from '../activities';
import type { CommandsFirst } from '../delivery/hold/commands-first';
import { createHeartbeater } from '../delivery/hold/heartbeater';
import type { Hold } from '../delivery/hold/hold';
import { type Delivery, deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from '../message/contract';
import { readDatabaseId } from '../platform/database/database-id';
import { DATA_CONVERTER } from '../platform/temporal/data-converter';
import { runClosedOf } from '../platform/temporal/run-closed';
import { identityOfWorker } from '../platform/temporal/worker-identity';
import { deploymentOptionsOf } from '../platform/temporal/workflow-version';
import type { Topic } from '../topics/topic';
import type { Config } from './config';
import type { Installation } from './installation';
import { WORKFLOWS } from './workflow-bundle';

interface Parts {
  client: Client;
  connection: NativeConnection;
  pool: Pool;
  hold: Hold;
  commandsFirst: CommandsFirst;
}

const sharedOf = (config: Config, connection: NativeConnection) =>
  ({
    connection,
    namespace: config.temporal.namespace,
    dataConverter: DATA_CONVERTER,
    shutdownGraceTime: `${config.shutdownGraceSeconds} s`,
    // After this the process ends, even if a delivery is stuck in a query. The ledger makes its retry harmless.
    shutdownForceTime: `${config.shutdownGraceSeconds + 5} s`,
  }) as const;

/**
 * The SDK's workers of this process: one for the workflows, and one for each topic's deliveries. They are not running
 * yet.
 */
export const createWorkers = async (config: Config, { topics }: Installation, parts: Parts): Promise<Worker[]> => [
  await createWorkflowWorker(config, parts.connection),
  ...(await createDeliveryWorkers(config, topics, parts)),
];

// A workflow with thousands of new signals takes longer than the SDK's five seconds on a busy machine. Cut off in its
// sandbox, it can end the whole process. The SDK reads this option, and does not declare it.
const FLOODED = { isolateExecutionTimeout: '1 minute' };

const createWorkflowWorker = (config: Config, connection: NativeConnection): Promise<Worker> =>
  Worker.create({
    ...sharedOf(config, connection),
    taskQueue: WORKFLOW_TASK_QUEUE,
    ...(config.workflowBundle
      ? { workflowBundle: { codePath: config.workflowBundle } }
      : { workflowsPath: WORKFLOWS.workflowsPath }),
    dataConverter: { ...DATA_CONVERTER, payloadConverterPath: WORKFLOWS.payloadConverterPath },
    maxCachedWorkflows: config.cachedWorkflows,
    ...FLOODED,
    // Only for workflows: the lanes decide which build delivers a message.
    workerDeploymentOptions: deploymentOptionsOf(config.workflowVersion),
  });

/** One worker for the deliveries of each of these topics, in the process's lane. */
export async function createDeliveryWorkers(
  config: Config,
  topics: Topic[],
  { client, connection, pool, hold, commandsFirst }: Parts,
): Promise<Worker[]> {
  // Doctor finds by it that workers of another database take the same deliveries.
  const identity = identityOfWorker(await readDatabaseId(pool));
  const delivering = { pool, hold, heartbeater: createHeartbeater(), runClosed: runClosedOf(client), commandsFirst };
  return Promise.all(
    topics.map((topic) =>
      Worker.create({
        ...sharedOf(config, connection),
        identity,
        taskQueue: deliveryTaskQueue(topic.name, config.lane),
        activities: createActivities({ ...delivering, topic }),
        interceptors: { activity: [nameCycle] },
        // Cancels and moves need slots too, when the hold is full. Each of them takes a connection.
        maxConcurrentActivityTaskExecutions: config.heldMessages + config.databaseConnections,
      }),
    ),
  );
}

/**
 * Runs workers until all have been shut down. If one fails, everything is stopped first, and closed when the others are
 * done.
 */
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

/** Shuts down the workers that are running. Others have been told before, or have ended. */
export function shutDown(workers: Worker[]): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}

/**
 * Adds the message's cycle to the SDK's log lines about an activity. Topic, tenant and key come from the workflow's id.
 */
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
