import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { schedule } from '../../../src/client';
import { outboxEvents } from '../../harness/commit-times';
import { NAMESPACE } from '../../harness/namespace';
import { REQUEST_ROWS, requestExpiry } from '../../harness/request-expiry';
import { countOpenWorkflows } from '../../harness/temporal-tables';
import { untilAnswered } from '../../harness/until-answered';
import { workflowBundle } from '../../harness/workflow-bundle';
import type { Attempt, Contender, Message, Started } from '../contender';

/** The product as it ships: its worker, its client, its outbox; only the topic is the benchmark's. */
async function start(
  { bench, run, leadMs, cachedWorkflows }: Attempt,
  handler: 'set-based' | 'plain' | 'with-rows',
): Promise<Started> {
  const businessRows = handler === 'with-rows' ? REQUEST_ROWS : undefined;
  const topic = requestExpiry({ name: `bench.expiry.${handler}`, leadMs, businessRows });
  const worker = await bench.start(run, {
    file: join(__dirname, '..', '..', 'harness', 'postdate-worker.ts'),
    ready: 'worker is running',
    env: {
      DATABASE_URL: bench.database.url,
      TEMPORAL_ADDRESS: bench.cluster.address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      BENCH_TOPIC: topic.name,
      BENCH_LEAD_MS: String(leadMs),
      BENCH_HANDLER: handler,
      // 20 connections, as every contender has.
      POSTDATE_DATABASE_CONNECTIONS: '20',
      POSTDATE_WORKFLOW_BUNDLE: await workflowBundle(bench),
      // Else as a worker that nobody has tuned.
      ...(cachedWorkflows !== undefined && { POSTDATE_CACHED_WORKFLOWS: String(cachedWorkflows) }),
    },
  });
  const connection = await Connection.connect({ address: bench.cluster.address });
  const client = new Client({ connection, namespace: NAMESPACE });
  const main = bench.cluster.temporalDatabases.main;
  const openBefore = await countOpenWorkflows(main, NAMESPACE);
  const post = ({ id, dueAt }: Message) => {
    // A row names its cycle.
    const cycle = businessRows === undefined ? undefined : 1;
    return schedule(client, { topic, tenant: run, key: id, cycle, dueAt, payload: {} }, { commandId: id });
  };
  return {
    parts: { server: bench.cluster.pid, worker: worker.pid, database: bench.cluster.postgresPid },
    post: (message) => untilAnswered(() => post(message)),
    left: async () => Math.max(0, (await countOpenWorkflows(main, NAMESPACE)) - openBefore),
    async stop() {
      await worker.stop();
      await connection.close();
    },
  };
}

const shared = {
  size: 'full',
  wantsLead: true,
  postsPerSecond: 100,
  packages: ['@temporalio/worker'],
  events: outboxEvents,
} satisfies Partial<Contender>;

/** With the topic's set-based handler. */
export const postdate: Contender = {
  ...shared,
  name: 'postdate',
  title: 'Postdate',
  start: (attempt) => start(attempt, 'set-based'),
};

/** With a handler for one message, as most topics have. */
export const postdatePlain: Contender = {
  ...shared,
  name: 'postdate-plain',
  title: 'Postdate, plain handler',
  start: (attempt) => start(attempt, 'plain'),
};

/** With the rows behind its messages, from which workers read what is due. */
export const postdateRows: Contender = {
  ...shared,
  name: 'postdate-rows',
  title: 'Postdate, with business rows',
  start: (attempt) => start(attempt, 'with-rows'),
};
