import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createPool } from '../../../src/platform/database/pool';
import { atWork } from '../../harness/child';
import { expireOne } from '../../harness/effect';

const { DATABASE_URL, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, BENCH_TASK_QUEUE, BENCH_WORKFLOW_BUNDLE } = process.env;

async function main(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
  // 20 connections, as every contender has.
  const pool = createPool(DATABASE_URL as string, { connections: 20, onError: console.error });
  const expire = (id: string) => expireOne(pool, id);
  async function expireWhenDue(id: string, dueAt: number): Promise<void> {
    const nextRetryDelay = dueAt - Date.now();
    if (nextRetryDelay <= 0) return expire(id);
    // Benign: an operator need not look at it.
    throw ApplicationFailure.create({ message: 'not due yet', nextRetryDelay, category: 'BENIGN' });
  }
  const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
  const worker = await Worker.create({
    connection,
    namespace: TEMPORAL_NAMESPACE,
    taskQueue: BENCH_TASK_QUEUE as string,
    workflowBundle: { codePath: BENCH_WORKFLOW_BUNDLE as string },
    activities: { expire, expireWhenDue },
    // Enough for all that is due at once: a workflow out of the cache is replayed from its history.
    maxCachedWorkflows: 5_000,
    // The default of 10 s passes while a burst queues, and each time-out costs the server two more transitions.
    stickyQueueScheduleToStartTimeout: '2 minutes',
    // As many polls as the backlog asks for, instead of a fixed few.
    workflowTaskPollerBehavior: { type: 'autoscaling' },
    activityTaskPollerBehavior: { type: 'autoscaling' },
    // An effect waits for a connection at most for a moment, and the CPUs are busy before these slots are.
    maxConcurrentActivityTaskExecutions: 100,
    maxConcurrentLocalActivityExecutions: 100,
    maxConcurrentWorkflowTaskExecutions: 100,
  });
  const running = worker.run();
  atWork(async () => {
    worker.shutdown();
    await running;
    await connection.close();
    await pool.end();
  });
}

void main();
