import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { until } from '../../local/processes';
import { schedule } from '../../src/client';
import { closedLoop } from '../harness/closed-loop';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import { requestExpiry } from '../harness/request-expiry';
import { memoryChart } from './report';

export const options = { messages: { type: 'string' } } as const;

const sizesOf = (args: BenchArgs) => ({ messages: wholeNumber(args, 'messages', 5_000, 10) });

export const check = (args: BenchArgs) => void sizesOf(args);

// A lead of a day: each message goes straight to the hold, and nothing is due during the run.
const topic = requestExpiry({ name: 'bench.held', leadMs: 86_400_000 });
const DUE_IN_MS = 12 * 3_600_000;
const PATIENCE_MS = 600_000;

/** What one more held message costs a worker in memory: the slope between a fifth of them and all. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { messages } = sizesOf(args);
  const worker = await bench.start('worker', {
    file: join(__dirname, '..', 'harness', 'postdate-worker.ts'),
    ready: 'worker is running',
    env: {
      DATABASE_URL: bench.database.url,
      TEMPORAL_ADDRESS: bench.cluster.address,
      TEMPORAL_NAMESPACE: NAMESPACE,
      BENCH_TOPIC: topic.name,
      BENCH_LEAD_MS: String(topic.leadMs),
      POSTDATE_HELD_MESSAGES: String(messages + 1),
      // The workflows would be in the same memory: as few of them as possible.
      POSTDATE_CACHED_WORKFLOWS: '10',
    },
  });
  const connection = await Connection.connect({ address: bench.cluster.address });
  bench.onStop(() => connection.close());
  const client = new Client({ connection, namespace: NAMESPACE });
  const dueAt = Date.now() + DUE_IN_MS;

  const steps = [];
  let posted = 0;
  for (const held of [Math.ceil(messages / 5), messages]) {
    await closedLoop({ count: held - posted, concurrency: 50 }, (index) =>
      schedule(client, { topic, tenant: 'held', key: `${held}.${index}`, dueAt, payload: {} }),
    );
    posted = held;
    await until(async () => {
      const { rows } = await bench.database.pool.query('select count(*)::int as n from postdate.held');
      if (rows[0].n < held) throw new Error(`only ${rows[0].n} of ${held} messages are held`);
    }, PATIENCE_MS);
    steps.push({ held, residentBytes: await leastResident(worker.pid) });
    bench.log(`${held} held: ${(steps.at(-1)?.residentBytes ?? 0) / 2 ** 20} MB`);
  }
  const [few, many] = steps as [(typeof steps)[0], (typeof steps)[0]];
  const bytesPerMessage = Math.round((many.residentBytes - few.residentBytes) / (many.held - few.held));
  await bench.out.json({
    versions: await describeVersions(bench.database.pool, bench.cluster.address, ['@temporalio/worker']),
    notes: ['Resident memory of the worker process, the least of ten looks a second apart; payloads are empty.'],
    contenders: [{ name: 'postdate', messages, effects: 0, early: 0, latenessMs: NONE, steps, bytesPerMessage }],
  });
  await bench.out.chart(memoryChart(steps, bytesPerMessage));
  bench.out.table(
    ['held', 'worker MB'],
    steps.map((step) => [step.held, Math.round(step.residentBytes / 2 ** 20)]),
  );
  bench.log(`one more held message costs ${(bytesPerMessage / 1024).toFixed(1)} KB`);
}

// Nothing lands here.
const NONE = { p50: 0, p90: 0, p99: 0, max: 0 };

async function leastResident(pid: number): Promise<number> {
  const looks: number[] = [];
  for (let look = 0; look < 10; look += 1) {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
    looks.push(Number(kilobytes) * 1024);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return Math.min(...looks);
}
