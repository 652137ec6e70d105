import { expectEnded, printedPids, runLocal, useFolder } from '../support/local-process';

const folder = useFolder();

it('the demo ends every request once though its worker is killed hard on the way, and leaves nothing running', async () => {
  const demo = runLocal('local/demo.ts', { env: { TMPDIR: folder.path } });
  const worker = Number((await demo.prints(/worker, relay and listener run \(pid (\d+)\)/))[1]);
  await demo.prints(/payment-request\.extended/);
  process.kill(worker, 'SIGKILL');

  expect({ exitCode: await demo.exitCode, printed: demo.printed() }).toMatchObject({ exitCode: 0 });
  expect(demo.printed()).toContain('worker ended with SIGKILL');
  expect(demo.printed()).toMatch(/worker runs again \(pid \d+\)/);
  expect(demo.printed()).toContain('every payment request ended once, as the input says');
  await expectEnded(printedPids(demo.printed()));
}, 300_000);

it.each([
  { via: 'http', says: /the HTTP API listens at http:\S+ \(pid \d+\)/ },
  { via: 'sql', says: /watch them wait/ },
])(
  'the same day over $via ends every request once, by the same report, and leaves nothing running',
  async ({ via, says }) => {
    const demo = runLocal('local/demo.ts', { args: ['--via', via], env: { TMPDIR: folder.path } });
    expect({ exitCode: await demo.exitCode, printed: demo.printed() }).toMatchObject({ exitCode: 0 });
    expect(demo.printed()).toMatch(says);
    expect(demo.printed()).toMatch(/│ notified +│ +208 │ +208 │/);
    expect(demo.printed()).toContain('every payment request ended once, as the input says');
    await expectEnded(printedPids(demo.printed()));
  },
  300_000,
);

it('a way that there is not is refused in one line, before anything is started', async () => {
  const demo = runLocal('local/demo.ts', { args: ['--via', 'pigeon'] });
  expect(await demo.ended).toBe(2);
  expect(demo.printed()).toBe('--via pigeon: must be one of client, http, sql\n');
});
