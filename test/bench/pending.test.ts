import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ASSUMPTIONS, extrapolate } from '../../bench/pending/extrapolation';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the pending benchmark measures every level and lands every probe once', async () => {
  const sizes = ['--steps', '50,150', '--probe', '10', '--starts', '10', '--lead', '5s'];
  const bench = runLocal('bench/run.ts', { args: ['pending', ...sizes, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'pending.json'), 'utf8'));
  expect(results.contenders.map(({ pending }: { pending: number }) => pending)).toEqual([50, 150]);
  // 10 start probes wait from before the first level, and 10 more of it are part of the second.
  expect(results.contenders.map(({ posted }: { posted: number }) => posted)).toEqual([40, 90]);
  for (const level of results.contenders) {
    expect(level).toMatchObject({ messages: 10, effects: 10, events: 10, repeated: 0, early: 0 });
    expect(level.transitionsPerMessage).toBeGreaterThanOrEqual(5);
    expect(level.startMs.p50).toBeGreaterThan(0);
  }
  expect(results.extrapolation.needs.map(({ pending }: { pending: number }) => pending)).toEqual([1e6, 1e8]);
  expect(await readFile(join(folder.path, 'pending.svg'), 'utf8')).toContain('<svg');
}, 600_000);

it('the extrapolation follows its formulas', () => {
  const measured = {
    bytesPerMessage: 5_000,
    cpuSecondsPer1000: { server: 50, worker: 30, database: 25, sum: 105 },
    transitionsPerMessage: 10,
    writeMs: 5,
  };
  expect(ASSUMPTIONS).toMatchObject({ averageWaitDays: 30, leadHours: 4 });
  expect(extrapolate(1_000_000, measured)).toEqual({
    pending: 1_000_000,
    postgresBytes: 5e9,
    dueAtOneInstant: 33_333,
    // 33,333 in four fifths of four hours.
    wakesPerSecond: 2.9,
    shards: 512,
    serverCores: 1,
    postgresCores: 1,
    // Of ten thousand held each.
    workers: 4,
  });
  // 100 million at 50 ms a write keep 145 shards busy, and a tenth of the time is what they shall be.
  expect(extrapolate(100_000_000, { ...measured, writeMs: 50 })).toMatchObject({ shards: 2048, workers: 334 });
});
