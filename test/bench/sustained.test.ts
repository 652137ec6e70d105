import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Flow } from '../../bench/sustained/flow';
import { findMaximum } from '../../bench/sustained/maximum';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the sustained benchmark puts the same messages through each shape, each once', async () => {
  const variants = ['--also', 'by-sets,start-delay,sql', '--partitions', '1'];
  // Each message is posted four seconds before its workflow wakes, which is ten seconds before it is due.
  const sizes = ['--seconds', '4', '--rate', '3', '--ahead', '14s', '--tables-every', '2'];
  const bench = runLocal('bench/run.ts', { args: ['sustained', ...sizes, ...variants, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'sustained.json'), 'utf8'));
  expect(results.contenders.map(({ name }: { name: string }) => name)).toEqual([
    ...['postdate', 'by-sets', 'start-delay', 'sql'],
    'official sample: sleep, then activity',
  ]);
  for (const contender of results.contenders) {
    expect(contender).toMatchObject({ messages: 12, effects: 12, events: 12, early: 0, repeated: 0, unclosed: 0 });
    expect(contender.perMessage.stateTransitions).toBeGreaterThanOrEqual(5);
    expect(contender.perMessage.workflowTasks).toBeGreaterThanOrEqual(2);
    // Of the messages of a second one wakes by itself.
    if (contender.name === 'by-sets') expect(contender.perMessage.activities).toBeLessThan(1);
    else expect(contender.perMessage.activities).toBe(1);
    const tables = contender.tables.at(-1).sizes.map(({ table }: { table: string }) => table);
    // Its months are one.
    expect(tables.filter((name: string) => name.startsWith('outbox'))).toEqual(['outbox']);
  }
  // Five shapes, of a minute each beside others.
}, 1_500_000);

it('raises the rate until it is not sustained, and says why', async () => {
  const flowAt = (perSecond: number) =>
    ({
      wantedPerSecond: perSecond,
      inPerSecond: Math.min(perSecond, 30),
      latenessMs: { p50: 5, p90: 10, p99: 20, max: 30 },
      latenessThirdsMs: { first: 20, last: 20 },
      backlog: { overdueMax: 0, unclosedMax: 3, unclosedAtHalf: 3, unclosedAtEnd: 3 },
    }) as Flow;
  const steps = await findMaximum(20, async (perSecond) => flowAt(perSecond));
  expect(steps.map(({ flow, shortfalls }) => [flow.wantedPerSecond, shortfalls])).toEqual([
    [20, []],
    [25, []],
    [32, ['only 30 a second went in']],
  ]);
});
