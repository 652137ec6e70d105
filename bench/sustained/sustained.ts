import { Client, Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { createApplication, settleDatabase } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { durationMs, wholeNumber, words } from '../harness/options';
import type { ServerChoice } from '../harness/servers';
import { DEFAULT_AHEAD_MS, measureFlow } from './flow';
import { CRITERIA, findMaximum } from './maximum';
import { type Contender, maximumOf, printShapes, rateChart } from './report';
import { sampleEvery } from './sample-every';
import { type Shape, shapesWith } from './shapes';
import { readTableSizes, sizesLine } from './table-sizes';

export const options = {
  seconds: { type: 'string' },
  rate: { type: 'string' },
  'find-max': { type: 'boolean' },
  'step-seconds': { type: 'string' },
  'tables-every': { type: 'string' },
  also: { type: 'string' },
  partitions: { type: 'string' },
  ahead: { type: 'string' },
} as const;

const sizesOf = (args: BenchArgs) => ({
  seconds: wholeNumber(args, 'seconds', 300),
  // What two cores carry for ever, server, database and worker together.
  perSecond: wholeNumber(args, 'rate', 18),
  stepSeconds: wholeNumber(args, 'step-seconds', 60),
  aheadMs: durationMs(args, 'ahead', DEFAULT_AHEAD_MS),
  // How often the sizes of the tables are read, in seconds; without it never.
  tablesEvery: args['tables-every'] === undefined ? undefined : wholeNumber(args, 'tables-every', 60),
});

const shapesOf = (args: BenchArgs) => shapesWith(words(args, 'also'));

export function check(args: BenchArgs): void {
  sizesOf(args);
  shapesOf(args);
  servers(args);
}

export const servers = (args: BenchArgs): ServerChoice => ({
  taskQueuePartitions: args.partitions === undefined ? undefined : wholeNumber(args, 'partitions', 1),
});

/** Messages in and out for minutes, evenly spread: Postdate against the shape of Temporal's own samples. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { seconds, perSecond, stepSeconds, aheadMs, tablesEvery } = sizesOf(args);
  const { pool } = bench.database;
  await createApplication(pool);
  const connection = await Connection.connect({ address: bench.cluster.address });
  bench.onStop(() => connection.close());
  await ensureSearchAttributes(connection, NAMESPACE);
  const client = new Client({ connection, namespace: NAMESPACE });

  const contenders: Contender[] = [];
  for (const [place, shape] of shapesOf(args).entries()) {
    await settleDatabase(pool);
    const worker = await bench.start(`worker-${place}`, { ...shape.worker, env: environmentOf(bench, shape) });
    const measure = (rate: number, forSeconds: number) => {
      bench.log(`${shape.name}: ${rate} a second for ${forSeconds} s`);
      const run = `s${place}-${rate}-${forSeconds}`;
      return measureFlow(
        bench,
        { client, shape, workerPids: [worker.pid] },
        { run, perSecond: rate, seconds: forSeconds, aheadMs },
      );
    };
    // The first messages pay for warming up what stays warm for the rest: caches, compiled code, connections.
    await measure(Math.min(perSecond, 10), 5);
    const tables = tablesEvery === undefined ? undefined : watchTables(bench, tablesEvery);
    const flow = await measure(perSecond, seconds);
    const sizes = await tables?.stop();
    const steps = args['find-max'] ? await findMaximum(perSecond, (rate) => measure(rate, stepSeconds)) : undefined;
    await worker.stop();
    contenders.push({
      name: shape.name,
      ...flow,
      ...(sizes && { tables: sizes }),
      ...(steps && { maximum: maximumOf(steps) }),
    });
  }

  const [ours, official] = [contenders[0], contenders.at(-1)] as [Contender, Contender];
  const ratio = {
    cpuOfficialToOurs: hundredths(official.cpuSecondsPer1000.sum / ours.cpuSecondsPer1000.sum),
    outOursToOfficial: hundredths(ours.outPerSecond / official.outPerSecond),
    ...(ours.maximum && official.maximum
      ? { maximumOursToOfficial: hundredths(ours.maximum.perSecond / official.maximum.perSecond) }
      : {}),
  };
  const toOfficial = contenders.map(({ name, cpuSecondsPer1000: { sum } }) => ({
    name,
    cpu: hundredths(sum / official.cpuSecondsPer1000.sum),
  }));
  const packages = ['@temporalio/client', '@temporalio/worker', 'pg'];
  await bench.out.json({
    versions: await describeVersions(pool, bench.cluster.address, packages),
    notes: [
      'Both shapes have the same effect, one conditional update and one event; the business row is inserted before each.',
      'CPU per 1,000 messages is of the whole time from the first post to the end of the last workflow.',
      'Transitions, tasks and time-outs are from the Temporal server’s own metrics.',
    ],
    ratio,
    toOfficial,
    ...(args['find-max'] && { criteria: CRITERIA }),
    contenders: contenders.map((one) => ({ ...one })),
  });
  await bench.out.chart(rateChart(contenders));
  printShapes(bench, contenders);
  for (const { name, cpu } of toOfficial) bench.log(`CPU to that of the official sample: ${cpu} ${name}`);
}

/** Prints the sizes of the tables again and again; promises all of them in the end. */
function watchTables({ database, log }: BenchContext, everySeconds: number) {
  const startedAt = Date.now();
  return sampleEvery(everySeconds * 1_000, async () => {
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    const sizes = await readTableSizes(database.pool);
    log(sizesLine(seconds, sizes));
    return { seconds, sizes };
  });
}

const hundredths = (value: number) => Math.round(value * 100) / 100;

const environmentOf = ({ cluster, database }: BenchContext, shape: Shape): NodeJS.ProcessEnv => ({
  DATABASE_URL: database.url,
  TEMPORAL_ADDRESS: cluster.address,
  TEMPORAL_NAMESPACE: NAMESPACE,
  ...shape.worker.env,
});
