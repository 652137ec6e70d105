import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { withClient } from '../../local/databases';
import { type RunningCluster, startCluster } from '../../local/temporal-cluster';
import { findTemporalServer } from '../../local/temporal-server-executables';
import { schedule } from '../../src/client';
import { workflowIdOf } from '../../src/message/contract';
import { changeIndexes, planIndexes } from '../../src/operating/visibility-indexes/change-indexes';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useFolder } from '../support/local-process';

const folder = useFolder();
const topic = effectTopic();
const DUE_AT = Date.now() + 86_400_000;
const idOf = (tenant: string, index: number) => workflowIdOf({ topic: topic.name, tenant, key: `key-${index}` });
let cluster: RunningCluster;
let connection: Connection;
let client: Client;

// Compiling the server takes seven minutes on two free cores, once per machine.
beforeAll(() => findTemporalServer({ log: (line) => process.stderr.write(`${line}\n`) }), 20 * 60_000);
beforeAll(async () => {
  cluster = await startCluster({ dataFolder: join(folder.path, 'cluster'), shards: 4 });
  connection = await Connection.connect({ address: cluster.address });
  client = new Client({ connection });
  await ensureSearchAttributes(connection, 'default');
  await post(0, 40);
  for (let index = 0; index < 10; index += 1) {
    await client.workflow.getHandle(idOf('tenant-0', index * 2)).terminate();
  }
  await eventually(async () => {
    expect((await client.workflow.count(`ExecutionStatus = 'Terminated'`)).count).toBe(10);
    expect((await client.workflow.count()).count).toBe(40);
  });
}, 300_000);
afterAll(async () => {
  await connection?.close();
  await cluster?.stop();
});

async function post(from: number, to: number): Promise<void> {
  for (let index = from; index < to; index += 1) {
    const ref = { topic, tenant: `tenant-${index % 2}`, key: `key-${index}` };
    await schedule(client, { ...ref, dueAt: DUE_AT + index * 1_000, payload: { note: 'n' } });
  }
}

/** What the Web UI lists, sorts and filters by, and what Postdate asks. */
const QUERIES = [
  '',
  `ExecutionStatus = 'Running'`,
  `ExecutionStatus = 'Terminated'`,
  `ExecutionStatus = 'Running' OR ExecutionStatus = 'Terminated'`,
  `WorkflowType = 'scheduledMessage'`,
  `WorkflowId = '${idOf('tenant-0', 4)}'`,
  `WorkflowId STARTS_WITH 'postdate:${topic.name}:tenant-1'`,
  `StartTime > '2026-01-01T00:00:00Z'`,
  `CloseTime > '2026-01-01T00:00:00Z'`,
  `CloseTime IS NULL`,
  `ExecutionTime > '2026-01-01T00:00:00Z'`,
  `TaskQueue = 'postdate'`,
  `PostdateTopic = '${topic.name}'`,
  `PostdateTenant = 'tenant-1' AND ExecutionStatus = 'Running'`,
  `PostdateKey IN ('key-3', 'key-4')`,
  `PostdateKey STARTS_WITH 'key-1'`,
  `PostdateDueAt <= '${new Date(DUE_AT + 9_000).toISOString()}'`,
  `PostdateDueAt BETWEEN '${new Date(DUE_AT).toISOString()}' AND '${new Date(DUE_AT + 5_000).toISOString()}'`,
  `PostdateTenant != 'tenant-1'`,
  'PostdateTenant IS NULL',
  'PostdateTenant IS NOT NULL',
  'ParentWorkflowId IS NULL',
  'HistoryLength > 2',
];

/** The answer to each query, as a list and as a count. */
async function answers() {
  const all = [];
  for (const query of QUERIES) {
    const ids: string[] = [];
    for await (const run of client.workflow.list({ query })) ids.push(run.workflowId);
    all.push({ query, ids, count: (await client.workflow.count(query)).count });
  }
  return all;
}

it('partial indexes beside a running server: each list and count says the same', async () => {
  const change = (target: 'partial' | 'full') =>
    withClient(cluster.temporalDatabases.visibility, (database) => changeIndexes(database, target));
  const steps = () =>
    withClient(cluster.temporalDatabases.visibility, async (database) => {
      const plan = await planIndexes(database, 'partial');
      return 'refused' in plan ? plan : plan.steps.length;
    });
  expect(await steps()).toBeGreaterThan(50);
  const before = await answers();
  expect(before.map(({ ids }) => ids.length)).toContain(40);

  expect(await change('partial')).toMatchObject({ table: { version: expect.stringMatching(/^1\.\d+$/) } });
  expect(await steps()).toBe(0);
  expect(await answers()).toEqual(before);

  // The server goes on writing rows while the indexes change, and none is missing from the indexes.
  const [posted] = await Promise.all([post(40, 80), change('full')]);
  expect(posted).toBeUndefined();
  expect(
    await withClient(cluster.temporalDatabases.visibility, (database) => planIndexes(database, 'full')),
  ).toMatchObject({ steps: [] });
  await eventually(async () => expect((await client.workflow.count(`PostdateTopic = '${topic.name}'`)).count).toBe(80));
}, 300_000);
