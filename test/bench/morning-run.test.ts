import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { foregroundIn } from '../../bench/morning-run/window';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the morning run expires or finds paid every due row, under every form', async () => {
  const sizes = ['--rows', '60', '--messages', '40', '--windows', '1', '--rate', '4'];
  // A busy machine takes ten seconds for the checkpoint.
  const paces = ['--paces', '40:4', '--restore', '10s'];
  const bench = runLocal('bench/run.ts', { args: ['morning-run', ...sizes, ...paces, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'morning-run.json'), 'utf8'));
  const [idle, idleOfMessages, ...atWork] = results.contenders;
  expect(idle).toMatchObject({ name: 'idle', effects: 0, events: 0 });
  expect(idleOfMessages).toMatchObject({ effects: 0, events: 0 });
  const dueRows = Object.fromEntries(atWork.map((one: { name: string; messages: number }) => [one.name, one.messages]));
  expect(dueRows).toEqual({
    'batch job, row by row': 60,
    'one UPDATE': 60,
    'pg-boss': 40,
    'Postdate, no pace': 40,
    'Postdate, 40 a second in groups of 4': 40,
  });
  for (const one of atWork) {
    expect(one).toMatchObject({ early: 0, undecided: 0, events: one.effects });
    expect(one.effects + one.paid).toBe(one.messages);
    expect(one.effects).toBeGreaterThan(0);
  }
  expect(await readFile(join(folder.path, 'morning-run.svg'), 'utf8')).toContain('<svg');
}, 900_000);

it('takes the foreground inside the window only, by when each request was to be sent', () => {
  const samples = [
    { kind: 'read' as const, intendedAt: 999, latencyMs: 1 },
    { kind: 'read' as const, intendedAt: 1_000, latencyMs: 2 },
    // Sent inside, answered long after it.
    { kind: 'pay' as const, intendedAt: 1_100, latencyMs: 5_000 },
    { kind: 'pay' as const, intendedAt: 1_101, latencyMs: 1 },
  ];
  expect(foregroundIn(samples, 1_000, 100)).toMatchObject({
    requests: 2,
    latencyMs: { p50: 2, max: 5_000 },
    readMs: { max: 2 },
    payMs: { max: 5_000 },
  });
});
