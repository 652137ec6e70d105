import { NativeConnection, Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from './activities';
import type { Config } from './config';
import { type Consumer, startConsumer } from './consumer';
import { deliveryTaskQueue, WORKFLOW_TASK_QUEUE } from './contract';
import { createPool } from './database';
import { migrate, postdateSchema, type SchemaMigrations } from './migrate';
import { paymentRequestExpiry } from './payment-requests/expiry';
import { notifications } from './payment-requests/notifications';
import { paymentsSchema } from './payment-requests/schema';
import { type RunningWorker, runProcess } from './process';
import { startRelay } from './relay';
import { ensureSearchAttributes } from './search-attributes';
import { listenForHints } from './stream-hint';
import type { Topic } from './topic';

/** What an installation consists of. Add your own topics, listeners and tables here. */
export interface Installation {
  topics: Topic[];
  consumers: Consumer[];
  schemas: SchemaMigrations[];
}

export const installation: Installation = {
  topics: [paymentRequestExpiry],
  consumers: [notifications],
  schemas: [paymentsSchema],
};

/**
 * The composition root: configuration → connections → schema → activities → workers, relay and consumers.
 * Resolves when everything polls; throws, with all connections closed, when something cannot be reached.
 */
export async function startWorker(config: Config, parts: Installation, log: Logger): Promise<RunningWorker> {
  const { namespace, connectionOptions } = config.temporal;
  const names = [...parts.topics, ...parts.consumers].map(({ name }) => name);
  // Two topics of one name would share a queue, and chance would pick the handler; two consumers share a position.
  if (new Set(names).size < names.length) throw new Error(`topics and consumers need names of their own: ${names}`);
  const onError = (part: string) => (error: unknown) => log.error({ part, err: error }, 'will be tried again');
  const pool = createPool(config.databaseUrl, {
    connections: config.databaseConnections,
    onError: onError('database'),
  });
  let connection: NativeConnection | undefined;
  try {
    for (const schema of [postdateSchema, ...parts.schemas]) await migrate(pool, schema);
    connection = await NativeConnection.connect(connectionOptions);
    await ensureSearchAttributes(connection, namespace);
    const workers = await createWorkers(config, parts, { connection, pool });

    const loops = parts.consumers.map((consumer) =>
      startConsumer(pool, consumer, { onError: onError(`consumer ${consumer.name}`) }),
    );
    const onHint = () => {
      for (const loop of loops) loop.nudge();
    };
    const background = [
      startRelay(pool, { onError: onError('relay') }),
      listenForHints(config.databaseUrl, { onHint, onError: onError('stream hints') }),
      ...loops,
    ];

    const stop = () => {
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    };
    const runs = workers.map((worker) => worker.run());
    const finish = async () => {
      try {
        await Promise.all(runs);
      } finally {
        stop();
        await Promise.allSettled(runs);
        await Promise.all(background.map((loop) => loop.stop()));
        await connection?.close();
        await pool.end();
      }
    };
    log.info({ namespace, topics: parts.topics.map((topic) => topic.name) }, 'worker is running');
    return { finished: finish(), stop };
  } catch (error) {
    await connection?.close();
    await pool.end();
    throw error;
  }
}

async function createWorkers(
  config: Config,
  { topics }: Installation,
  { connection, pool }: { connection: NativeConnection; pool: ReturnType<typeof createPool> },
): Promise<Worker[]> {
  const shared = {
    connection,
    namespace: config.temporal.namespace,
    shutdownGraceTime: `${config.shutdownGraceSeconds} s`,
    // After this the process ends even with a delivery stuck in a query; the ledger makes its retry harmless.
    shutdownForceTime: `${config.shutdownGraceSeconds + 5} s`,
  } as const;
  return [
    await Worker.create({
      ...shared,
      taskQueue: WORKFLOW_TASK_QUEUE,
      workflowsPath: require.resolve('./workflows'),
      dataConverter: { payloadConverterPath: require.resolve('./workflows/tolerant-payload-converter') },
      maxCachedWorkflows: config.cachedWorkflows,
    }),
    ...(await Promise.all(
      topics.map((topic) =>
        Worker.create({
          ...shared,
          taskQueue: deliveryTaskQueue(topic.name),
          activities: createActivities({ pool, topic }),
          // Each delivery holds a connection; a slot without one would only wait while its timeout runs.
          maxConcurrentActivityTaskExecutions: config.databaseConnections,
        }),
      ),
    )),
  ];
}

if (require.main === module) void runProcess((config, log) => startWorker(config, installation, log));
