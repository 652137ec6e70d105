import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchArgs, BenchContext } from '../harness/context';
import { meter } from '../harness/cpu';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import { transactionsIn } from './transactions';

export const options = { seconds: { type: 'string' }, warmup: { type: 'string' } } as const;

const sizesOf = (args: BenchArgs) => ({
  seconds: wholeNumber(args, 'seconds', 60, 2),
  // The SDK's pollers, the pool and the compiler of JavaScript have come to rest by then.
  warmup: wholeNumber(args, 'warmup', 60, 1),
});

export const check = (args: BenchArgs) => void sizesOf(args);

/** Promises what the application's worker costs while there is nothing to do, in % of one core, each part by itself. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { seconds, warmup } = sizesOf(args);
  const { cluster, database } = bench;
  const parts = { server: cluster.pid, database: cluster.postgresPid };
  await pause(warmup * 1_000);
  const without = await percentOfCore(bench, parts, seconds);
  const worker = await bench.start('worker', {
    file: join(__dirname, '..', '..', 'app', 'main.ts'),
    ready: 'worker is running',
    env: { DATABASE_URL: database.url, TEMPORAL_ADDRESS: cluster.address, TEMPORAL_NAMESPACE: NAMESPACE },
  });
  await pause(warmup * 1_000);
  const beside = await percentOfCore(bench, { ...parts, worker: worker.pid }, seconds);
  const percent = {
    worker: beside.worker,
    database: tenths(beside.database - without.database),
    server: tenths(beside.server - without.server),
  };
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, ['@temporalio/worker']),
    notes: [
      'CPU in % of one core. PostgreSQL and temporal-server: less what they use without a worker. Nothing waits and nothing is posted.',
    ],
    contenders: [
      { name: 'postdate', messages: 0, effects: 0, early: 0, latenessMs: NONE, seconds, percent, beside, without },
    ],
  });
  bench.out.table(
    ['part', '% of a core', 'transactions a second'],
    [
      ['worker', percent.worker, beside.transactionsPerSecond],
      ['PostgreSQL, for it', percent.database, ''],
      ['temporal-server, for it', percent.server, ''],
      ['PostgreSQL without a worker', without.database, without.transactionsPerSecond],
      ['temporal-server without a worker', without.server, ''],
    ],
  );
}

// Nothing lands here.
const NONE = { p50: 0, p90: 0, p99: 0, max: 0 };
const tenths = (value: number) => Math.round(value * 10) / 10;

async function percentOfCore(
  { database }: BenchContext,
  parts: Parameters<typeof meter>[0],
  seconds: number,
): Promise<{ worker: number; database: number; server: number; transactionsPerSecond: number }> {
  const transactions = await transactionsIn(database.pool);
  const used = meter(parts);
  await pause(seconds * 1_000);
  const reading = used.read();
  const made = (await transactionsIn(database.pool)) - transactions;
  const percent = (cpuSeconds: number) => tenths((cpuSeconds / reading.elapsedSeconds) * 100);
  return {
    worker: percent(reading.seconds.worker),
    database: percent(reading.seconds.database),
    server: percent(reading.seconds.server),
    transactionsPerSecond: tenths(made / reading.elapsedSeconds),
  };
}
