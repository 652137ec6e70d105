import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { Pool } from 'pg';
import { atWork } from '../harness/child';
import { expireOne } from '../harness/effect';

const { DATABASE_URL, TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, BENCH_TASK_QUEUE } = process.env;

async function main(): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('WARN'), shutdownSignals: [] });
  // As many connections as Postdate's worker has.
  const pool = new Pool({ connectionString: DATABASE_URL, max: 20 });
  const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
  // The worker's options are the SDK's defaults, as in the samples.
  const worker = await Worker.create({
    connection,
    namespace: TEMPORAL_NAMESPACE,
    taskQueue: BENCH_TASK_QUEUE as string,
    workflowsPath: require.resolve('./official-workflows'),
    activities: { expire: (id: string) => expireOne(pool, id) },
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
