import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { schedule } from '../../src/client';
import { countExpired, insertRequests } from '../harness/application';
import { closedLoop } from '../harness/closed-loop';
import { outboxEvents, readEffects } from '../harness/commit-times';
import type { BenchContext } from '../harness/context';
import { meter, per1000 } from '../harness/cpu';
import { percentilesOf } from '../harness/lateness';
import { NAMESPACE } from '../harness/namespace';
import { nowMs, openLoop } from '../harness/open-loop';
import type { requestExpiry } from '../harness/request-expiry';
import { type ServerMetrics, scrape, total } from '../harness/server-metrics';
import { countOpenWorkflows, countTimers, type TableSize, tableSizes } from '../harness/temporal-tables';

const DAY_MS = 86_400_000;
// Gentle: the latency of one start is asked for, not that of a queue of them.
const STARTS_PER_SECOND = 10;
const IDLE_SECONDS = 10;
// A due time for each, so that the figure is made of many landings; what many at one instant cost is the burst's question.
const PROBES_APART_MS = 200;

export interface Probes {
  client: Client;
  topic: ReturnType<typeof requestExpiry>;
  leadMs: number;
  workerPid: number;
}

/** Posts messages due in a year, and promises what they cost when all of them sleep. */
export async function addPending(
  { cluster }: BenchContext,
  { client, topic }: Probes,
  { from, count, concurrency }: { from: number; count: number; concurrency: number },
) {
  const { main, visibility } = cluster.temporalDatabases;
  const sizes = async () => [...(await tableSizes(main)), ...(await tableSizes(visibility))];
  const asleep = await countTimers(main, NAMESPACE);
  const before = await sizes();
  const posted = await closedLoop({ count, concurrency }, (index) =>
    postPending(client, topic, `pending.${from + index}`),
  );
  // The first workflow task of each sets its timer; these are a little behind the posts.
  while ((await countTimers(main, NAMESPACE)) < asleep + count) await pause(500);
  const grown = growth(before, await sizes());
  const bytes = grown.reduce((sum, one) => sum + one.bytes, 0);
  return {
    posted: count,
    postedPerSecond: Math.round(posted.perSecond * 10) / 10,
    bytesPerMessage: Math.round(bytes / count),
    bytesPerMessageByTable: Object.fromEntries(
      grown.filter((one) => one.bytes > 0).map((one) => [one.table, Math.round(one.bytes / count)]),
    ),
  };
}

/** Posts some at a gentle rate; they wait for a year like the rest. Promises the latency of a start. */
export async function probeStarts({ client, topic }: Probes, level: number, count: number) {
  const startMs: number[] = [];
  await openLoop({ perSecond: STARTS_PER_SECOND, count }, async (index) => {
    const calledAt = nowMs();
    await postPending(client, topic, `start.${level}.${index}`);
    startMs.push(nowMs() - calledAt);
  }).finished();
  return percentilesOf(startMs);
}

/** Has the same number of messages land one after the other at every level. Promises how late they were, and their work. */
export async function probeLanding(
  { cluster, database }: BenchContext,
  { client, topic, leadMs, workerPid }: Probes,
  { level, count, concurrency }: { level: number; count: number; concurrency: number },
) {
  const used = () => meter({ server: cluster.pid, worker: workerPid, database: cluster.postgresPid });
  const waiting = await countOpenWorkflows(cluster.temporalDatabases.main, NAMESPACE);
  const idle = used();
  await pause(IDLE_SECONDS * 1_000);
  const idling = idle.read();

  const run = `probe-${level}`;
  const before = await scrape(cluster.metricsUrl);
  const atWork = used();
  // Long enough that even a slow machine has posted all of them before the first may wake.
  const firstDueAt = Date.now() + leadMs + Math.max(5_000, count * 50);
  const ids = await insertRequests(database.pool, run, count, new Date(firstDueAt), PROBES_APART_MS);
  await closedLoop({ count, concurrency }, (index) =>
    schedule(client, {
      topic,
      tenant: run,
      key: ids[index] as string,
      dueAt: firstDueAt + index * PROBES_APART_MS,
      payload: {},
    }),
  );
  while ((await countExpired(database.pool, run)) < count) await pause(200);
  while ((await countOpenWorkflows(cluster.temporalDatabases.main, NAMESPACE)) > waiting) await pause(200);
  const cpu = atWork.read();
  const after = await scrape(cluster.metricsUrl);
  const { latenessMs, ...counted } = await readEffects(database.pool, run, outboxEvents);
  const perSecond = (part: 'server' | 'database') => idling.seconds[part] / idling.elapsedSeconds;
  const idlePerSecond = { server: perSecond('server'), database: perSecond('database') };
  return {
    messages: count,
    ...counted,
    latenessMs: percentilesOf(latenessMs),
    idleCores: idlePerSecond,
    cpuSecondsPer1000: per1000(cpu, count, idlePerSecond),
    transitionsPerMessage: (transitions(after) - transitions(before)) / count,
  };
}

const postPending = (client: Client, topic: Probes['topic'], key: string) =>
  schedule(client, { topic, tenant: 'pending', key, dueAt: Date.now() + 365 * DAY_MS, payload: {} });

const OURS = `namespace="${NAMESPACE}"`;
const transitions = (metrics: ServerMetrics) => total(metrics, 'state_transition_count_count', OURS);

/** Promises how long the server has taken on average to write a workflow's state. */
export async function writeMs(metricsUrl: string): Promise<number> {
  const metrics = await scrape(metricsUrl);
  const labels = [OURS, 'operation="UpdateWorkflowExecution"', 'service_name="history"'];
  const seconds = total(metrics, 'persistence_latency_sum', ...labels);
  return (seconds / total(metrics, 'persistence_latency_count', ...labels)) * 1_000;
}

function growth(before: TableSize[], after: TableSize[]): TableSize[] {
  const bytesBefore = new Map(before.map(({ table, bytes }) => [table, bytes]));
  return after.map(({ table, bytes }) => ({ table, bytes: bytes - (bytesBefore.get(table) ?? 0) }));
}
