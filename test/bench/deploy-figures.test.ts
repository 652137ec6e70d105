import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { atOneInstant, CONNECTIONS, type Costs, capacityRows, evenly } from '../../bench/pending/capacity';
import { readConfig } from '../../src/process/config';

const root = join(__dirname, '..', '..');
const resultsOf = (name: string) => JSON.parse(readFileSync(join(root, 'bench', 'results', `${name}.json`), 'utf8'));
const [held] = resultsOf('held').contenders;
const [burst] = resultsOf('burst').contenders;
const costs: Costs = {
  ...resultsOf('pending').extrapolation.measured,
  heldBytes: held.bytesPerMessage,
  workerBytes: held.steps[0].residentBytes - held.steps[0].held * held.bytesPerMessage,
  landedPerSecond: burst.messages / (burst.latenessMs.max / 1_000),
};
const page = readFileSync(join(root, 'docs', 'deploy.md'), 'utf8');

it('the page of deploying has just what the measured figures come to', () => {
  const rows = capacityRows(costs);
  const { server, database, worker } = costs.cpuSecondsPer1000;
  const figures = [
    ...[...rows.evenly, ...rows.atOneInstant].map((row) => `\n${row}\n`),
    `${costs.bytesPerMessage.toLocaleString('en')} bytes`,
    `${server}, ${database}, ${worker}`,
    `${Math.round(costs.workerBytes / 1e6)} MB, ${costs.heldBytes.toLocaleString('en')} bytes`,
    `| ${Math.floor(costs.landedPerSecond).toLocaleString('en')} |`,
    `${costs.transitionsPerMessage}, ${Math.round(costs.writeMs)} ms`,
    `| ${Math.round(resultsOf('schedule').contenders[0].perSecond)} | measured`,
    `${resultsOf('sustained').contenders[0].maximum.perSecond} sustained`,
  ];
  expect(figures.filter((figure) => !page.includes(figure))).toEqual([]);
});

it('more than was measured of waiting messages is said to be no measurement', () => {
  expect(page).toContain('Millions were not');
  expect(resultsOf('pending').contenders.at(-1).pending).toBe(50_000);
  expect(held.steps.at(-1).held).toBe(5_000);
});

it('twice the messages need twice as much, and what is small still needs two of each', () => {
  const [one, two] = [evenly(1e9, costs), evenly(2e9, costs)];
  expect(two.diskBytes / one.diskBytes).toBeCloseTo(2);
  expect(two.serverCores / one.serverCores).toBeCloseTo(2, 0);
  expect(evenly(1, costs)).toMatchObject({ workers: 2, serverCores: 1, postgresCores: 1, shards: 512 });
  expect(atOneInstant(1e9, costs, 10_000).workers).toBe(3_334);
});

it('a worker has as many connections as its settings say', () => {
  const config = readConfig({ DATABASE_URL: 'postgres://u@h/d', TEMPORAL_CONFIG_FILE: '/nonexistent' });
  expect(CONNECTIONS.worker).toBe(config.databaseConnections + 1);
  expect(config.heldMessages).toBe(10_000);
  expect(config.cachedWorkflows).toBe(2_000);
});
