import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pino from 'pino';
import { withClient } from '../../local/databases';
import { type RunningCluster, startCluster } from '../../local/temporal-cluster';
import { describe as describeMessage, schedule } from '../../src/client';
import { startSweepOfWorkflows } from '../../src/maintenance/overdue-workflows';
import { createRecovery } from '../../src/maintenance/recovery';
import {
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from '../../src/message/contract';
import { createDatabaseClock } from '../../src/platform/database/clock';
import { readConfig } from '../../src/process/config';
import { createWaiting } from '../../src/producing/waiting-runs';
import type { Topic } from '../../src/topics/topic';
import { startWorker } from '../../src/worker';
import { useDatabase } from '../support/database';
import { deliveryState, STARTED } from '../support/delivery-state';
import { effectMessage, effectsSchema, hangingTopic, plainTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import '../support/quiet-runtime';
import { silentLog } from '../support/silent-log';

const database = useDatabase(effectsSchema);
const folder = useFolder();
const PATIENCE_MS = 120_000;
const once = { effects: 1, decisions: 1, events: 1 };
let cluster: RunningCluster;
let connection: Connection;
let client: Client;

beforeAll(async () => {
  cluster = await startCluster({ dataFolder: join(folder.path, 'cluster'), shards: 4 });
  connection = await Connection.connect({ address: cluster.address });
  client = new Client({ connection });
}, 300_000);
afterAll(async () => {
  await connection?.close();
  await cluster?.stop();
}, 60_000);

// Their own sweep is not to help.
const env = () => ({
  DATABASE_URL: database.url,
  TEMPORAL_ADDRESS: cluster.address,
  TEMPORAL_NAMESPACE: 'default',
  POSTDATE_SWEEP_GRACE_SECONDS: '86400',
});

async function post(topic: Topic, dueInMs: number): Promise<ScheduledMessage> {
  const message = effectMessage(dueInMs, { topic: topic.name });
  const { tenant, key, dueAt, payload } = message;
  await schedule(client, { topic, tenant, key, dueAt, cycle: 1, payload: payload as never });
  return message;
}
const refOf = ({ topic, tenant, key }: ScheduledMessage) => ({ topic, tenant, key });
const described = (message: ScheduledMessage) => client.workflow.getHandle(workflowIdOf(refOf(message))).describe();
const stateOf = async (message: ScheduledMessage) => (await describeMessage(client, refOf(message)))?.state;

async function withWorker(work: () => Promise<void>): Promise<void> {
  const parts = { topics: [hangingTopic, plainTopic], consumers: [], schemas: [] };
  const worker = await startWorker(readConfig({ ...process.env, ...env() }), parts, pino({ level: 'silent' }));
  try {
    await work();
  } finally {
    worker.stop();
    await worker.finished;
  }
}

/** Sweeps these topics until all is over; returns what was rescued, by topic. */
async function sweepUntilEnded(messages: ScheduledMessage[], topics: Topic[]): Promise<string[]> {
  const rescued: string[] = [];
  const errors: unknown[] = [];
  const clock = createDatabaseClock();
  await clock.read(database.pool);
  const metrics = { rescued: (topic: string) => void rescued.push(topic) };
  const asking = { waiting: createWaiting(client), recovery: createRecovery(client) };
  const deps = {
    pool: database.pool,
    clock,
    ...asking,
    metrics,
    log: silentLog,
    onError: (error: unknown) => errors.push(error),
  };
  const sweeps = topics.map((topic) => startSweepOfWorkflows(deps, topic, { graceMs: 500, everyMs: 200 }));
  try {
    for (const message of messages) {
      await eventually(async () => expect(await stateOf(message)).toBe('ended'), PATIENCE_MS);
    }
  } finally {
    await Promise.all(sweeps.map((sweep) => sweep.stop()));
  }
  expect(errors).toEqual([]);
  return rescued;
}

it('a killed worker of whose tasks the time-outs are lost as well: nobody comes by itself, and the sweep brings all along', async () => {
  const killed = runLocal('test/support/hanging-worker.ts', { env: env() });
  await killed.prints(/worker is running/);
  const held = await post(hangingTopic, -1);
  await eventually(async () => expect(await deliveryState(client, refOf(held))).toBe(STARTED));
  const asleep = await post(plainTopic, 6_000);
  await eventually(async () => {
    const { events } = await client.workflow.getHandle(workflowIdOf(refOf(asleep))).fetchHistory();
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true);
  });
  killed.signal('SIGKILL');
  await killed.exitCode;
  expect(Date.now()).toBeLessThan(asleep.dueAt);
  // Its task is for the sticky queue of the worker that is dead.
  await eventually(async () => expect((await described(asleep)).raw.pendingWorkflowTask?.state).toBe(1));
  await withClient(cluster.temporalDatabases.main, (db) => db.query('delete from timer_tasks'));

  await withWorker(async () => {
    // By now the server would have given up both: the sticky task after 10 s, the silent delivery after 30.
    await eventually(async () => expect(Date.now()).toBeGreaterThan(asleep.dueAt + 35_000));
    expect([await stateOf(held), await stateOf(asleep)]).toEqual(['waiting', 'waiting']);
    for (const { key } of [held, asleep]) expect((await traces(database.pool, key)).decisions).toBe(0);
    const rescued = await sweepUntilEnded([held, asleep], [hangingTopic, plainTopic]);
    expect(rescued.sort()).toEqual([plainTopic.name, hangingTopic.name].sort());
  });
  for (const { key } of [held, asleep]) expect(await traces(database.pool, key)).toEqual(once);
}, 300_000);

it('a run that was to begin later, and whose beginning is lost, begins when the sweep comes', async () => {
  const message = effectMessage(-1, { topic: plainTopic.name });
  await client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(message),
    taskQueue: WORKFLOW_TASK_QUEUE,
    args: [message],
    typedSearchAttributes: searchAttributesOf(message),
    // As Temporal does for a second between two runs of one message.
    startDelay: '1 hour',
  });
  await withClient(cluster.temporalDatabases.main, (db) => db.query('delete from timer_tasks'));
  await withWorker(async () => {
    expect(await sweepUntilEnded([message], [plainTopic])).toEqual([plainTopic.name]);
  });
  expect(await traces(database.pool, message.key)).toEqual(once);
});
