import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the held benchmark holds what it says, and sees a worker that has memory', async () => {
  const bench = runLocal('bench/run.ts', { args: ['held', '--messages', '50', '--out', folder.path] });
  await succeeded(bench);
  const results = JSON.parse(await readFile(join(folder.path, 'held.json'), 'utf8'));
  const [{ steps }] = results.contenders;
  expect(steps.map(({ held }: { held: number }) => held)).toEqual([10, 50]);
  for (const { residentBytes } of steps) expect(residentBytes).toBeGreaterThan(50 * 2 ** 20);
}, 600_000);
