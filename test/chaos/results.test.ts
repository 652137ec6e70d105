import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowOf } from '../../chaos/report';

const ROOT = join(__dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'reliability.md'), 'utf8');
const resultsOf = (name: string) => JSON.parse(readFileSync(join(ROOT, 'chaos', 'results', `${name}.json`), 'utf8'));

it.each(['seed-7', 'seed-11', 'seed-4711'])(
  'ten minutes of %s were sound, had enough of each fault, and are on the page',
  (name) => {
    const results = resultsOf(name);
    expect(results).toMatchObject({
      command: expect.stringContaining('npm run chaos -- --minutes 10'),
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      dirty: false,
      machine: expect.any(Object),
      violations: [],
    });
    const { figures, struck } = results;
    expect(figures.messages).toBeGreaterThanOrEqual(2_000);
    expect(struck.kills).toBeGreaterThanOrEqual(40);
    expect(struck.linkFaults).toBeGreaterThanOrEqual(20);
    expect(struck.commitsUnknown).toBeGreaterThanOrEqual(50);
    for (const fault of ['pauses', 'timersLost', 'diskFull']) expect(struck[fault]).toBeGreaterThan(0);
    expect(struck.clockWrong.length).toBeGreaterThan(0);
    expect(results.settled.landedAfterMs).toBeLessThanOrEqual(60_000);
    // Otherwise the faults did not bite.
    expect(figures.duplicateDeliveries).toBeGreaterThan(0);
    expect(page).toContain(rowOf(results));
  },
);

it('whatever else was measured is sound, and on the page', () => {
  const names = readdirSync(join(ROOT, 'chaos', 'results')).flatMap((file) => /^(.*)\.json$/.exec(file)?.[1] ?? []);
  expect(names.length).toBeGreaterThanOrEqual(2);
  for (const name of names) {
    expect(resultsOf(name)).toMatchObject({ name, violations: [] });
    expect(page).toContain(`../chaos/results/${name}.json`);
  }
});

it('every file that the page of reliability links is there', () => {
  const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path as string);
  expect(links.length).toBeGreaterThanOrEqual(2);
  expect(links.filter((path) => !existsSync(join(ROOT, 'docs', path)))).toEqual([]);
});
