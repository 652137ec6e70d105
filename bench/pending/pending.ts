import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { createApplication, settleDatabase } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { durationMs, wholeNumber, words } from '../harness/options';
import { requestExpiry } from '../harness/request-expiry';
import { UsageError } from '../harness/usage-error';
import { ASSUMPTIONS, extrapolate, FORMULAS, inWords } from './extrapolation';
import { addPending, type Probes, probeLanding, probeStarts, writeMs } from './level';
import { growthOf, levelChart, printLevels } from './report';

export const options = {
  steps: { type: 'string' },
  probe: { type: 'string' },
  starts: { type: 'string' },
  lead: { type: 'string' },
} as const;

const POSTS_AT_A_TIME = 40;

function sizesOf(args: BenchArgs) {
  const steps = (words(args, 'steps') ?? ['1000', '10000', '50000']).map(Number);
  const rising = steps.every((step, index) => Number.isSafeInteger(step) && step > (steps[index - 1] ?? 0));
  if (!rising) throw new UsageError('--steps: must be whole numbers that rise, like 1000,10000,50000');
  return {
    steps,
    probe: wholeNumber(args, 'probe', 200),
    starts: wholeNumber(args, 'starts', 300),
    leadMs: durationMs(args, 'lead', 20_000),
  };
}

export const check = (args: BenchArgs) => void sizesOf(args);

/** What one more waiting message costs: bytes, start latency, and the lateness of others, as ever more wait. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { steps, probe, starts, leadMs } = sizesOf(args);
  const { cluster, database } = bench;
  await createApplication(database.pool);
  const connection = await Connection.connect({ address: cluster.address });
  bench.onStop(() => connection.close());
  await ensureSearchAttributes(connection, NAMESPACE);
  const topic = requestExpiry({ name: 'bench.pending', leadMs });
  const worker = await bench.start('worker', {
    file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
    ready: 'worker is running',
    env: {
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: cluster.address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      BENCH_TOPIC: topic.name,
      BENCH_LEAD_MS: String(leadMs),
    },
  });
  const probes: Probes = {
    client: new Client({ connection, namespace: NAMESPACE }),
    topic,
    leadMs,
    workerPid: worker.pid,
  };
  // The first messages of all pay for warming up; a probe of its own takes that from the first level.
  await probeStarts(probes, 0, Math.min(starts, 50));
  await probeLanding(bench, probes, { level: 0, count: Math.min(probe, 50), concurrency: POSTS_AT_A_TIME });

  const levels = [];
  let pending = Math.min(starts, 50);
  for (const step of steps) {
    // The start probes of a level wait like the rest; so many are there already.
    const count = Math.max(1, step - pending);
    bench.log(`posting up to ${step} waiting messages`);
    const added = await addPending(bench, probes, { from: pending, count, concurrency: POSTS_AT_A_TIME });
    await settleDatabase(database.pool);
    const startMs = await probeStarts(probes, step, starts);
    pending += count + starts;
    const landing = await probeLanding(bench, probes, { level: step, count: probe, concurrency: POSTS_AT_A_TIME });
    levels.push({ name: `${step} waiting`, pending: step, ...landing, startMs, ...added });
  }

  const [first, last] = [levels[0], levels.at(-1)] as [(typeof levels)[number], (typeof levels)[number]];
  const measured = {
    bytesPerMessage: last.bytesPerMessage,
    cpuSecondsPer1000: last.cpuSecondsPer1000,
    transitionsPerMessage: last.transitionsPerMessage,
    writeMs: await writeMs(cluster.metricsUrl),
  };
  const needs = [1_000_000, 100_000_000].map((many) => extrapolate(many, measured));
  const growth = growthOf(first, last);
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['@temporalio/client', '@temporalio/worker']),
    leadMs,
    growth,
    extrapolation: { measured, assumptions: ASSUMPTIONS, formulas: FORMULAS, needs, inWords: needs.map(inWords) },
    notes: [
      'Bytes are pg_total_relation_size of all tables of both of Temporal’s databases after a vacuum: what the posting of this level added, when all of it sleeps, by the number posted.',
      'Start latency is that of single starts at ten a second; lateness that of the same number of messages at every level, due one after the other.',
    ],
    contenders: levels,
  });
  await bench.out.chart(levelChart(levels, { probe, leadMs }));
  printLevels(bench, levels);
  bench.log(`${last.pending} against ${first.pending} waiting: ${JSON.stringify(growth)}`);
  for (const words of needs.map(inWords)) bench.log(words);
}
