import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the schedule benchmark compares the same number of starts, round by round', async () => {
  const bench = runLocal('bench/run.ts', {
    args: ['schedule', '--messages', '20', '--rounds', '2', '--concurrency', '5', '--out', folder.path],
  });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'schedule.json'), 'utf8'));
  expect(results).toMatchObject({
    name: 'schedule',
    command: expect.stringContaining('--messages 20'),
    concurrency: 5,
  });
  expect(results.contenders).toHaveLength(3);
  for (const contender of results.contenders) {
    expect(contender).toMatchObject({ messages: 40, effects: 0, early: 0 });
    expect(contender.perSecondByRound).toHaveLength(2);
    expect(contender.oursToByRound).toHaveLength(2);
    expect(Math.min(...contender.perSecondByRound)).toBeGreaterThan(0);
  }
  expect(results.contenders[0]).toMatchObject({ oursTo: 1 });
}, 600_000);

it('a size that makes no sense is refused by its name before anything is started', async () => {
  const bench = runLocal('bench/run.ts', { args: ['schedule', '--rounds', 'many'] });
  expect(await bench.exitCode).toBe(1);
  expect(bench.printed()).toContain('--rounds: must be a whole number');
}, 600_000);
