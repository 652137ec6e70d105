import { Client, Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { createApplication, settleDatabase } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { wholeNumber } from '../harness/options';
import { measureFlow } from './flow';
import { CRITERIA, findMaximum } from './maximum';
import { type Contender, maximumOf, printShapes, rateChart } from './report';
import { type Shape, shapes } from './shapes';

export const options = {
  seconds: { type: 'string' },
  rate: { type: 'string' },
  'find-max': { type: 'boolean' },
  'step-seconds': { type: 'string' },
} as const;

const sizesOf = (args: BenchArgs) => ({
  seconds: wholeNumber(args, 'seconds', 300),
  // What two cores carry for ever, server, database and worker together.
  perSecond: wholeNumber(args, 'rate', 18),
  stepSeconds: wholeNumber(args, 'step-seconds', 60),
});

export const check = (args: BenchArgs) => void sizesOf(args);

/** Messages in and out for minutes, evenly spread: Postdate against the shape of Temporal's own samples. */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const { seconds, perSecond, stepSeconds } = sizesOf(args);
  const { pool } = bench.database;
  await createApplication(pool);
  const connection = await Connection.connect({ address: bench.cluster.address });
  bench.onStop(() => connection.close());
  await ensureSearchAttributes(connection, NAMESPACE);
  const client = new Client({ connection, namespace: NAMESPACE });

  const contenders: Contender[] = [];
  for (const [place, shape] of shapes.entries()) {
    await settleDatabase(pool);
    const worker = await bench.start(`worker-${place}`, { ...shape.worker, env: environmentOf(bench, shape) });
    const measure = (rate: number, forSeconds: number) => {
      bench.log(`${shape.name}: ${rate} a second for ${forSeconds} s`);
      const run = `s${place}-${rate}-${forSeconds}`;
      return measureFlow(
        bench,
        { client, shape, workerPid: worker.pid },
        { run, perSecond: rate, seconds: forSeconds },
      );
    };
    // The first messages pay for warming up what stays warm for the rest: caches, compiled code, connections.
    await measure(Math.min(perSecond, 10), 5);
    const flow = await measure(perSecond, seconds);
    const steps = args['find-max'] ? await findMaximum(perSecond, (rate) => measure(rate, stepSeconds)) : undefined;
    await worker.stop();
    contenders.push({ name: shape.name, ...flow, ...(steps && { maximum: maximumOf(steps) }) });
  }

  const [ours, official] = contenders as [Contender, Contender];
  const ratio = {
    cpuOfficialToOurs: hundredths(official.cpuSecondsPer1000.sum / ours.cpuSecondsPer1000.sum),
    outOursToOfficial: hundredths(ours.outPerSecond / official.outPerSecond),
    ...(ours.maximum && official.maximum
      ? { maximumOursToOfficial: hundredths(ours.maximum.perSecond / official.maximum.perSecond) }
      : {}),
  };
  const packages = ['@temporalio/client', '@temporalio/worker', 'pg'];
  await bench.out.json({
    versions: await describeVersions(pool, bench.cluster.address, packages),
    notes: [
      'Both shapes have the same effect, one conditional update and one event; the business row is inserted before each.',
      'CPU per 1,000 messages is of the whole time from the first post to the end of the last workflow.',
      'Transitions, tasks and time-outs are from the Temporal server’s own metrics.',
    ],
    ratio,
    ...(args['find-max'] && { criteria: CRITERIA }),
    contenders: contenders.map((one) => ({ ...one })),
  });
  await bench.out.chart(rateChart(contenders));
  printShapes(bench, contenders);
  bench.log(`CPU of the official shape to ours: ${ratio.cpuOfficialToOurs}`);
}

const hundredths = (value: number) => Math.round(value * 100) / 100;

const environmentOf = ({ cluster, database }: BenchContext, shape: Shape): NodeJS.ProcessEnv => ({
  DATABASE_URL: database.url,
  TEMPORAL_ADDRESS: cluster.address,
  TEMPORAL_NAMESPACE: NAMESPACE,
  ...shape.worker.env,
});
