import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Flow } from '../../bench/sustained/flow';
import { findMaximum } from '../../bench/sustained/maximum';
import { runLocal, useFolder } from '../support/local-process';

const folder = useFolder();

it('the sustained benchmark puts the same messages through both shapes, each once', async () => {
  const bench = runLocal('bench/run.ts', {
    args: ['sustained', '--seconds', '4', '--rate', '3', '--out', folder.path],
  });
  expect({ exitCode: await bench.exitCode, printed: bench.printed() }).toMatchObject({ exitCode: 0 });

  const results = JSON.parse(await readFile(join(folder.path, 'sustained.json'), 'utf8'));
  expect(results.contenders.map(({ name }: { name: string }) => name)).toEqual([
    'postdate',
    'official sample: sleep, then activity',
  ]);
  for (const contender of results.contenders) {
    expect(contender).toMatchObject({ messages: 12, effects: 12, events: 12, early: 0, repeated: 0, unclosed: 0 });
    expect(contender.perMessage.stateTransitions).toBeGreaterThanOrEqual(5);
    expect(contender.perMessage.workflowTasks).toBeGreaterThanOrEqual(2);
    expect(contender.perMessage.activities).toBe(1);
  }
}, 600_000);

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
