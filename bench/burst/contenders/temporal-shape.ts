import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { BenchContext } from '../../harness/context';
import { NAMESPACE } from '../../harness/namespace';
import type { Attempt, Contender, Message, Started } from '../contender';

interface Shape extends Pick<Contender, 'name' | 'title' | 'postsPerSecond'> {
  size?: Contender['size'];
  post(client: Client, message: Message, taskQueue: string): Promise<unknown>;
  /** How many are open on the queue, by the server's own count. Default: workflows. */
  left?(client: Client, query: string): Promise<number>;
  /** What does not end by itself. */
  tidy?(client: Client): Promise<unknown>;
}

const WORKERS = join(__dirname, '..', 'workers');

const bundles = new Map<string, Promise<string>>();

/** Promises a file with the workflows of these shapes, bundled once for all workers of a benchmark. */
function bundledOnce({ folder }: Pick<BenchContext, 'folder'>): Promise<string> {
  const bundle = async () => {
    const file = join(folder, 'burst-workflows.js');
    const { code } = await bundleWorkflowCode({ workflowsPath: join(WORKERS, 'workflows.ts') });
    await writeFile(file, code);
    return file;
  };
  const bundled = bundles.get(folder) ?? bundle();
  bundles.set(folder, bundled);
  return bundled;
}

const workflowsOpen = async (client: Client, query: string) => (await client.workflow.count(query)).count;

/** A way to use Temporal without Postdate: what differs is how a message is posted, the worker is the same for all. */
export function temporalShape({ name, title, postsPerSecond, size = 'plain', ...shape }: Shape): Contender {
  async function start({ bench, run }: Attempt): Promise<Started> {
    // A queue for each attempt: what an earlier one left behind finds no worker and costs nothing.
    const taskQueue = `bench.${run}`;
    const worker = await bench.start(run, {
      file: join(WORKERS, 'temporal.ts'),
      env: {
        DATABASE_URL: bench.database.url,
        TEMPORAL_ADDRESS: bench.cluster.address,
        TEMPORAL_NAMESPACE: NAMESPACE,
        BENCH_TASK_QUEUE: taskQueue,
        BENCH_WORKFLOW_BUNDLE: await bundledOnce(bench),
      },
    });
    const connection = await Connection.connect({ address: bench.cluster.address });
    const client = new Client({ connection, namespace: NAMESPACE });
    const { left = workflowsOpen } = shape;
    return {
      parts: { server: bench.cluster.pid, worker: worker.pid, database: bench.cluster.postgresPid },
      post: (message) => shape.post(client, message, taskQueue),
      left: () => left(client, `TaskQueue = '${taskQueue}' and ExecutionStatus = 'Running'`),
      async stop() {
        await worker.stop();
        await shape.tidy?.(client);
        await connection.close();
      },
    };
  }
  return { name, title, size, postsPerSecond, packages: ['@temporalio/worker'], start };
}
