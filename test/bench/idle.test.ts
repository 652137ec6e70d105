import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the idle benchmark sees a worker at work, and servers with and without it', async () => {
  const args = ['idle', '--seconds', '5', '--warmup', '1', '--out', folder.path];
  const bench = runLocal('bench/run.ts', { args });
  await succeeded(bench);
  const { contenders } = JSON.parse(await readFile(join(folder.path, 'idle.json'), 'utf8'));
  const [{ percent, beside, without }] = contenders;
  // Right after its start a worker is not idle yet.
  expect(percent.worker).toBeGreaterThan(0);
  expect(without.worker).toBe(0);
  // Its heartbeats alone are two a second.
  expect(beside.transactionsPerSecond).toBeGreaterThan(without.transactionsPerSecond + 1);
}, 600_000);
