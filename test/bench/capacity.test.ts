import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { shardOf } from '../../bench/capacity/sharded';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the capacity benchmark lands each message once, by workers, by groups, and in two installations by the rule', async () => {
  const sizes = [
    '--workers',
    '2',
    '--messages',
    '40',
    '--groups',
    '4',
    '--group-messages',
    '20',
    '--transactions',
    '2',
  ];
  const rate = ['--rate', '4', '--seconds', '2', '--ahead', '1s', '--quiet-seconds', '1'];
  const bench = runLocal('bench/run.ts', { args: ['capacity', ...sizes, ...rate, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'capacity.json'), 'utf8'));
  const once = (messages: number) => ({ messages, effects: messages, events: messages, repeated: 0, early: 0 });
  const [two] = results.contenders;
  expect(two).toMatchObject({ name: '2 workers', workers: 2, ...once(40) });
  expect(two.steady).toMatchObject({ ...once(8), unclosed: 0 });
  // Both are polled for; which gets how many is Temporal's.
  expect(two.heldByWorker.reduce((sum: number, held: number) => sum + held, 0)).toBe(40);
  expect(two.landingsPerSecond).toBeGreaterThan(0);

  const [fours] = results.groups;
  expect(fours).toMatchObject({ size: 4, ...once(20) });
  // A group of 20 would be one transaction for each worker.
  expect(fours.landingCommits).toBeGreaterThanOrEqual(5);
  expect(fours.walBytesPerMessage).toBeGreaterThan(0);

  expect(results.sharded).toMatchObject({ ...once(40), workersEach: 1, tenants: 40, misplaced: 0 });
  const ofOne = Array.from({ length: 40 }, (_, index) => `sharded-1-t${index}`).filter(
    (tenant) => shardOf(tenant, ['one', 'two']) === 'one',
  ).length;
  expect(results.sharded.installations).toEqual([
    { name: 'one', tenants: ofOne, decided: ofOne },
    { name: 'two', tenants: 40 - ofOne, decided: 40 - ofOne },
  ]);
  expect(Math.min(ofOne, 40 - ofOne)).toBeGreaterThan(0);

  expect(results.model.shares.server).toBeGreaterThan(0);
  expect(bench.printed()).toContain(results.places.inWords);
  expect(await readFile(join(folder.path, 'capacity.svg'), 'utf8')).toContain('<svg');
}, 600_000);
