import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, useFolder } from '../support/local-process';

const folder = useFolder();

it('the landing benchmark lands what is held, each message once with its event, and tells the time of each step', async () => {
  const sizes = ['--messages', '100', '--rounds', '2', '--group', '20'];
  const bench = runLocal('bench/run.ts', { args: ['landing', ...sizes, '--out', folder.path] });
  expect({ exitCode: await bench.exitCode, printed: bench.printed() }).toMatchObject({ exitCode: 0 });

  const { versions, contenders } = JSON.parse(await readFile(join(folder.path, 'landing.json'), 'utf8'));
  // No Temporal has run.
  expect(Object.keys(versions)).toEqual(['postgresql', 'pg']);
  expect(contenders).toMatchObject([
    { name: 'set', messages: 200, effects: 200, events: 200, repeated: 0, early: 0, messagesPerTransaction: 20 },
    { name: 'plain', messages: 40, effects: 40, events: 40, repeated: 0, early: 0 },
  ]);
  for (const { perSecondByRound, stepsUs, cpuSecondsPer1000 } of contenders) {
    expect(perSecondByRound).toHaveLength(2);
    expect(cpuSecondsPer1000.worker).toBeGreaterThan(0);
    const { answers, ...steps } = stepsUs;
    expect(Object.keys(steps)).toEqual(['begin', 'claim', 'handler', 'events', 'around', 'commit', 'node']);
    expect(Math.min(...(Object.values(steps) as number[]))).toBeGreaterThan(0);
    // Written again only after a landing that took long.
    expect(answers).toBeGreaterThanOrEqual(0);
  }
  expect(bench.printed()).toContain('| set | ');
}, 600_000);

it('a group of no messages is refused before anything is started', async () => {
  const bench = runLocal('bench/run.ts', { args: ['landing', '--group', '0'] });
  expect(await bench.exitCode).toBe(1);
  expect(bench.printed()).toContain('--group: must be a whole number from 1');
}, 600_000);
