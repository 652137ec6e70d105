import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pino from 'pino';
import { withClient } from '../../local/databases';
import { type RunningCluster, startCluster } from '../../local/temporal-cluster';
import { describe as describeMessage, schedule } from '../../src/client';
import { land } from '../../src/delivery/landing/landing';
import { startSweepOfWorkflows } from '../../src/maintenance/overdue-workflows';
import { createRecovery } from '../../src/maintenance/recovery';
import { type ScheduledMessage, workflowIdOf } from '../../src/message/contract';
import { createDatabaseClock } from '../../src/platform/database/clock';
import { readConfig } from '../../src/process/config';
import type { RunningWorker } from '../../src/process/run-process';
import { createWaiting } from '../../src/producing/waiting-runs';
import type { Topic } from '../../src/topics/topic';
import { startWorker } from '../../src/worker';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { useFolder } from '../support/local-process';
import '../support/quiet-runtime';
import { silentLog } from '../support/silent-log';

const database = useDatabase(effectsSchema);
const folder = useFolder();
// Without a lead there is no roll call that would land what has lost its timer.
const topic: Topic = { ...effectTopic(), leadMs: 0 };
const troubled: Topic = {
  ...effectTopic(() => {
    throw new Error('trouble');
  }),
  name: 'test.troubled',
  leadMs: 0,
};
let cluster: RunningCluster;
let connection: Connection;
let client: Client;
let worker: RunningWorker;

beforeAll(async () => {
  cluster = await startCluster({ dataFolder: join(folder.path, 'cluster'), shards: 4 });
  connection = await Connection.connect({ address: cluster.address });
  client = new Client({ connection });
  const env = { ...process.env, DATABASE_URL: database.url, TEMPORAL_ADDRESS: cluster.address };
  // Its own sweep is not to help.
  const config = readConfig({ ...env, TEMPORAL_NAMESPACE: 'default', POSTDATE_SWEEP_GRACE_SECONDS: '86400' });
  const parts = { topics: [topic, troubled], consumers: [], schemas: [] };
  worker = await startWorker(config, parts, pino({ level: 'silent' }));
}, 300_000);
afterAll(async () => {
  worker?.stop();
  await worker?.finished;
  await connection?.close();
  await cluster?.stop();
}, 60_000);

async function post(of: Topic, dueInMs: number): Promise<ScheduledMessage> {
  const message = effectMessage(dueInMs, { topic: of.name });
  const { tenant, key, dueAt, payload } = message;
  await schedule(client, { topic: of, tenant, key, dueAt, cycle: 1, payload: payload as never });
  return message;
}
const refOf = ({ topic: name, tenant, key }: ScheduledMessage) => ({ topic: name, tenant, key });
const stateOf = async (message: ScheduledMessage) => (await describeMessage(client, refOf(message)))?.state;
const decisions = async ({ key }: ScheduledMessage) => (await traces(database.pool, key)).decisions;

/** As a server does that forgets a timer's task: the workflow sleeps on, and nothing says so. */
async function loseTimer(message: ScheduledMessage): Promise<void> {
  await eventually(async () => {
    const { events } = await client.workflow.getHandle(workflowIdOf(refOf(message))).fetchHistory();
    expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(true);
  });
  await withClient(cluster.temporalDatabases.main, (db) => db.query('delete from timer_tasks'));
}

/** Posts a message that loses its timer before it is due: on a busy machine only one that is due later. */
async function postWithoutTimer(dueInMs = 4_000): Promise<ScheduledMessage> {
  const message = await post(topic, dueInMs);
  await loseTimer(message);
  if (Date.now() < message.dueAt - 1_000) return message;
  // Ended, so that no sweep finds it.
  await client.workflow
    .getHandle(workflowIdOf(refOf(message)))
    .terminate()
    .catch(() => undefined);
  return postWithoutTimer(2 * dueInMs);
}

/** Posts a message that keeps its timer and is due right after that one; resolves when it has ended. */
async function seeAnotherEnd(after: ScheduledMessage): Promise<void> {
  const other = await post(topic, Math.max(0, after.dueAt - Date.now()) + 500);
  await eventually(async () => expect(await stateOf(other)).toBe('ended'));
}

/** Sweeps a topic until `work` is done, which may wait for some rounds; returns the reasons of what it rescued. */
async function sweeping(
  of: Topic,
  work: (someRounds: () => Promise<unknown>) => Promise<unknown>,
  graceMs = 1_000,
): Promise<string[]> {
  let rounds = 0;
  const someRounds = () => {
    const before = rounds;
    return eventually(async () => expect(rounds).toBeGreaterThan(before + 4));
  };
  const waiting = createWaiting(client);
  const rescued: string[] = [];
  const errors: unknown[] = [];
  const clock = createDatabaseClock();
  await clock.read(database.pool);
  const metrics = { rescued: (_topic: string, reason: string) => void rescued.push(reason) };
  const sweep = startSweepOfWorkflows(
    {
      pool: database.pool,
      clock,
      waiting: {
        runs(...asked: Parameters<typeof waiting.runs>) {
          rounds += 1;
          return waiting.runs(...asked);
        },
      },
      recovery: createRecovery(client),
      metrics,
      log: silentLog,
      onError: (error) => errors.push(error),
    },
    of,
    { graceMs, everyMs: 200 },
  );
  await work(someRounds);
  await sweep.stop();
  expect(errors).toEqual([]);
  return rescued;
}

const signalsOf = async (message: ScheduledMessage) => {
  const { events } = await client.workflow.getHandle(workflowIdOf(refOf(message))).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
};

it('a message whose timer was lost is never delivered by itself, and at once when the sweep wakes it', async () => {
  const message = await postWithoutTimer();
  await seeAnotherEnd(message);
  expect(await decisions(message)).toBe(0);
  const rescued = await sweeping(topic, () => eventually(async () => expect(await stateOf(message)).toBe('ended')));
  expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  expect(rescued).toEqual(['notWoken']);
});

it('a workflow whose message was landed without it is brought to its end, which is no rescue', async () => {
  const message = await postWithoutTimer();
  await seeAnotherEnd(message);
  await land(database.pool, topic, [{ message, late: false }]);
  await seeAnotherEnd(message);
  expect(await stateOf(message)).toBe('waiting');
  const rescued = await sweeping(topic, () => eventually(async () => expect(await stateOf(message)).toBe('ended')));
  expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  expect(rescued).toEqual([]);
});

it('what is being tried, or is not due, is left alone', async () => {
  const [late, asleep] = [await post(troubled, -3_000), await post(troubled, 3_600_000)];
  await eventually(async () => {
    const { raw } = await client.workflow.getHandle(workflowIdOf(refOf(late))).describe();
    expect(raw.pendingActivities?.[0]?.attempt).toBeGreaterThan(1);
  });
  const rescued = await sweeping(troubled, (someRounds) => someRounds());
  expect(rescued).toEqual([]);
  expect([await signalsOf(late), await signalsOf(asleep)]).toEqual([0, 0]);
});

it('without faults nothing is rescued', async () => {
  const messages = await Promise.all(Array.from({ length: 20 }, () => post(topic, 2_000)));
  const work = async (someRounds: () => Promise<unknown>) => {
    for (const message of messages) await eventually(async () => expect(await stateOf(message)).toBe('ended'));
    await someRounds();
  };
  // A busy machine wakes one seconds late, and that is no fault.
  const rescued = await sweeping(topic, work, 30_000);
  expect(rescued).toEqual([]);
  // All have ended, and are beyond this shorter grace: still nothing is to be done for them.
  await seeAnotherEnd(messages[0] as ScheduledMessage);
  expect(await sweeping(topic, (someRounds) => someRounds())).toEqual([]);
  for (const message of messages) expect(await signalsOf(message)).toBe(0);
});
