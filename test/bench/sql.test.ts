import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the sql benchmark posts in transactions and catches up on all that has been committed', async () => {
  const sizes = ['--messages', '20', '--rounds', '2', '--concurrency', '4', '--per-transaction', '5'];
  const catchingUp = ['--backlog', '20', '--dispatch', '10,10000'];
  const bench = runLocal('bench/run.ts', { args: ['sql', ...sizes, ...catchingUp, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'sql.json'), 'utf8'));
  expect(results.contenders).toHaveLength(3);
  for (const contender of results.contenders) {
    expect(contender).toMatchObject({ messages: 40, effects: 0, early: 0, bottleneck: expect.stringMatching(/busy/) });
    expect(contender.perSecondByRound).toHaveLength(2);
    expect(Math.min(...contender.perSecondByRound)).toBeGreaterThan(0);
  }
  const [row, one, many] = results.contenders;
  expect(row).toMatchObject({ toRow: 1, transactionsPerSecond: row.perSecond });
  expect(one.transactionsPerSecond).toBe(one.perSecond);
  expect(many.perSecond / many.transactionsPerSecond).toBeCloseTo(5, 0);
  expect(results.catchUp).toMatchObject([
    { perSecondSet: 10, commands: 20, scheduled: 20 },
    { perSecondSet: 10_000, commands: 20, scheduled: 20 },
  ]);
  expect(bench.printed()).toContain('| row and postdate.schedule() | ');
}, 600_000);

it('rates of dispatching that make no sense are refused before anything is started', async () => {
  const bench = runLocal('bench/run.ts', { args: ['sql', '--dispatch', '50,many'] });
  expect(await bench.exitCode).toBe(1);
  expect(bench.printed()).toContain('--dispatch: must be whole numbers');
}, 600_000);
