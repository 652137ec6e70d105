import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryChart } from '../../bench/held/report';
import { postsChart } from '../../bench/http/report';
import { roundsChart } from '../../bench/schedule/report';
import { transactionsChart } from '../../bench/sql/report';
import { rateChart } from '../../bench/sustained/report';

const root = join(__dirname, '..', '..');
const page = readFileSync(join(root, 'docs', 'benchmarks.md'), 'utf8');
const names = ['burst', 'morning-run', 'sustained', 'pending', 'schedule', 'held', 'http', 'sql'];
const resultsOf = (name: string) => JSON.parse(readFileSync(join(root, 'bench', 'results', `${name}.json`), 'utf8'));

it.each(names)('the results of %s are committed whole, and the page of benchmarks links them', (name) => {
  expect(resultsOf(name)).toMatchObject({
    name,
    command: expect.stringContaining(`npm run bench -- ${name}`),
    commit: expect.stringMatching(/^[0-9a-f]{7,40}$/),
    machine: expect.any(Object),
    versions: expect.any(Object),
    contenders: expect.arrayContaining([expect.objectContaining({ name: expect.any(String) })]),
  });
  expect(page).toContain(`../bench/results/${name}.json`);
});

it('every chart and every file that the page of benchmarks links is there', () => {
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path as string);
  expect(links.filter((path) => path.endsWith('.svg')).length).toBe(names.length);
  expect(links.filter((path) => !existsSync(join(root, 'docs', path)))).toEqual([]);
});

it.each([
  ['sustained', ({ contenders }) => rateChart(contenders)],
  ['schedule', ({ contenders, concurrency }) => roundsChart(contenders, concurrency)],
  ['http', ({ contenders, ...sizes }) => postsChart(contenders, sizes)],
  ['sql', ({ contenders, ...sizes }) => transactionsChart(contenders, sizes)],
  ['held', ({ contenders: [{ steps, bytesPerMessage }] }) => memoryChart(steps, bytesPerMessage)],
] as [string, (results: ReturnType<typeof resultsOf>) => string][])(
  'the chart of %s shows the results beside it',
  (name, draw) => {
    expect(readFileSync(join(root, 'bench', 'results', `${name}.svg`), 'utf8')).toBe(draw(resultsOf(name)));
  },
);

it('in the burst nobody was early, and everybody had each effect once', () => {
  for (const { name, messages, effects, early, repeated } of resultsOf('burst').contenders) {
    expect({ name, effects, early, repeated }).toEqual({ name, effects: messages, early: 0, repeated: 0 });
  }
});
