import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';

const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;

/**
 * Promises that every part of the server serves this namespace, which is created where it is missing, and that no
 * workflow has to wait for its shard; else an error that says what is not yet as it must be. Returns how many shards
 * the server has; where they are not as many as wanted, they are not waited for.
 */
export async function clusterReady(
  wanted: { namespace: string; shards: number },
  { address, metricsUrl }: { address: string; metricsUrl: string },
): Promise<number> {
  const connection = await Connection.connect({ address, connectTimeout: '2 seconds' });
  try {
    return await connection.withDeadline(Date.now() + 10_000, async () => {
      const shards = await serves(connection, wanted.namespace);
      if (shards === wanted.shards) await allTaken(metricsUrl, shards);
      return shards;
    });
  } finally {
    await connection.close();
  }
}

async function serves({ workflowService }: Connection, namespace: string): Promise<number> {
  await unless(ALREADY_EXISTS, () =>
    workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: msToTs('72 hours') }),
  );
  // Each part learns of a namespace by itself. This one is answered by the frontend and the visibility database …
  await workflowService.countWorkflowExecutions({ namespace });
  // … this one by matching …
  await workflowService.describeTaskQueue({ namespace, taskQueue: { name: 'postdate-ready' }, taskQueueType: 1 });
  // … and this one by history, which knows no such workflow: that is what it has to say.
  await unless(NOT_FOUND, () =>
    workflowService.describeWorkflowExecution({ namespace, execution: { workflowId: 'postdate-ready' } }),
  );
  const { historyShardCount } = await workflowService.getClusterInfo({});
  return historyShardCount;
}

async function unless(code: number, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if ((error as { code?: number }).code !== code) throw error;
  }
}

// The server answers from its first shard on and takes the others meanwhile, for seconds.
async function allTaken(metricsUrl: string, shards: number): Promise<void> {
  const metrics = await (await fetch(metricsUrl)).text();
  const taken = Number(/^numshards_gauge\{.*\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
  if (taken !== shards) throw new Error(`history holds ${taken} of ${shards} shards`);
}
