import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

it('the http benchmark posts as many by each form, and says what bounds it', async () => {
  const sizes = ['--messages', '20', '--rounds', '2', '--clients', '2', '--concurrency', '4', '--batch', '5'];
  const bench = runLocal('bench/run.ts', { args: ['http', ...sizes, '--out', folder.path] });
  await succeeded(bench);

  const results = JSON.parse(await readFile(join(folder.path, 'http.json'), 'utf8'));
  expect(results).toMatchObject({ name: 'http', clients: 2, concurrency: 4, batch: 5 });
  expect(results.contenders).toHaveLength(4);
  for (const contender of results.contenders) {
    expect(contender).toMatchObject({ messages: 40, effects: 0, early: 0, bottleneck: expect.stringMatching(/busy/) });
    expect(contender.perSecondByRound).toHaveLength(2);
    expect(Math.min(...contender.perSecondByRound)).toBeGreaterThan(0);
    expect(Object.keys(contender.cores)).toEqual(['Temporal', 'PostgreSQL', 'API', 'clients']);
    expect(contender.temporalShare).toBeGreaterThan(0);
  }
  expect(results.contenders[0]).toMatchObject({ toClient: 1 });
  expect(bench.printed()).toContain('| POST /v1/messages:batch | ');
}, 600_000);
