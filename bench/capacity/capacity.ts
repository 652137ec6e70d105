import { Client, Connection } from '@temporalio/client';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { createApplication } from '../harness/application';
import type { BenchArgs, BenchContext } from '../harness/context';
import { describeVersions } from '../harness/machine';
import { NAMESPACE } from '../harness/namespace';
import { places, sizesOf } from './choice';
import { startInstallation, type WorkerSettings } from './installation';
import { inOne, type Landing, landBurst } from './land-burst';
import { modelOf } from './model';
import { type Group, landingsChart, printCapacity, section, type WorkersFigures } from './report';
import { measureSharded } from './sharded';
import { measureSteady } from './steady';

export { check, options, servers } from './choice';

type Sizes = ReturnType<typeof sizesOf>;

/**
 * What each more worker brings, where one primary of PostgreSQL ends, and the same burst spread over two installations: real
 * processes, on cores of their own where the machine has them.
 */
export async function run(args: BenchArgs, bench: BenchContext): Promise<void> {
  const sizes = sizesOf(args);
  const { cluster, database } = bench;
  bench.log(places.inWords);
  await createApplication(database.pool);
  const connection = await Connection.connect({ address: cluster.address });
  bench.onStop(() => connection.close());
  await ensureSearchAttributes(connection, NAMESPACE);
  const client = new Client({ connection, namespace: NAMESPACE });

  const byWorkers: WorkersFigures[] = [];
  for (const workers of sizes.workers) byWorkers.push(await measureWorkers(bench, client, workers, sizes));
  const most = Math.max(...sizes.workers);
  const groups: Group[] = [];
  for (const size of sizes.groups) {
    const settings = { workers: most, landingGroup: size, landingTransactions: sizes.transactions };
    groups.push({ size, ...(await measureGroups(bench, client, settings, sizes)) });
  }
  const sharding = { messages: sizes.messages, workersEach: 1, quietMs: sizes.quietMs };
  const sharded = await measureSharded(bench, client, places, sharding);

  const withMost = byWorkers.find(({ workers }) => workers === most) as WorkersFigures;
  const model = modelOf(withMost.steady.cpuSecondsPer1000);
  const { server, temporalDatabase, database: ofDatabase, workers: ofWorkers, ...said } = places;
  const figures = { byWorkers, groups, sharded, model, places: said, transactions: sizes.transactions };
  // The figures by workers are the contenders.
  const { byWorkers: _, ...rest } = figures;
  await bench.out.json({
    versions: await describeVersions(database.pool, cluster.address, [
      '@temporalio/client',
      '@temporalio/worker',
      'pg',
    ]),
    notes: NOTES,
    cores: { server, temporalDatabase, database: ofDatabase, workers: ofWorkers },
    ...rest,
    contenders: byWorkers.map(({ name, landing, ...more }) => ({ name, ...landing, ...more })),
  });
  await bench.out.chart(landingsChart(figures));
  printCapacity(bench, figures);
  bench.log(section(figures));
}

const NOTES = [
  'Landings a second: the messages of a burst that is held, by the time from its due instant to its last effect.',
  'Landing commits: the transactions with those effects. All commits: those of the database’s counter for the whole burst, less what an idle worker and the benchmark commit.',
  'CPU of a landing is of that time. CPU of the steady rate is of the whole life of each message.',
  'The model goes by the CPU of the steady rate with the most workers.',
  'The load is posted by the benchmark’s own process, which is not pinned and not counted.',
];

async function measureWorkers(
  bench: BenchContext,
  client: Client,
  workers: number,
  sizes: Sizes,
): Promise<WorkersFigures> {
  const name = workers === 1 ? '1 worker' : `${workers} workers`;
  bench.log(`${name}: a burst of ${sizes.messages}, then ${sizes.rate.perSecond} a second`);
  const settings = { workers, heldMessages: sizes.messages };
  const installation = await startInstallation(bench, places, ordinary(bench), settings);
  const burst = inOne(installation, sizes.messages);
  const landing = await landBurst(bench, client, burst, { name: `workers-${workers}`, quietMs: sizes.quietMs });
  const steady = await measureSteady(bench, client, installation, sizes.rate);
  await installation.stop();
  return { name, workers, landing, steady };
}

/** Lands a burst in groups of one size, with the most workers. */
async function measureGroups(
  bench: BenchContext,
  client: Client,
  settings: Omit<WorkerSettings, 'heldMessages'>,
  { groupMessages, quietMs }: Sizes,
): Promise<Landing> {
  bench.log(`groups of ${settings.landingGroup}: a burst of ${groupMessages}`);
  const all = { ...settings, heldMessages: groupMessages };
  const installation = await startInstallation(bench, places, ordinary(bench), all);
  const burst = inOne(installation, groupMessages);
  const landing = await landBurst(bench, client, burst, { name: `groups-${settings.landingGroup}`, quietMs });
  await installation.stop();
  return landing;
}

const ordinary = ({ database }: BenchContext) => ({ name: 'all', database });
