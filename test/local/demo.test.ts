import { expectEnded, printedPids, runLocal, succeeded, useFolder } from '../support/local-process';

const folder = useFolder();

// The client's way is played by `npm run demo` itself, as README tells; here are the two others, one of them with a kill.
it('the day over http ends every request once though its worker is killed hard on the way, and leaves nothing running', async () => {
  const demo = runLocal('local/demo.ts', { args: ['--via', 'http'], env: { TMPDIR: folder.path } });
  const worker = Number((await demo.prints(/worker, relay and listener run \(pid (\d+)\)/))[1]);
  await demo.prints(/payment-request\.extended/);
  process.kill(worker, 'SIGKILL');

  await succeeded(demo);
  expect(demo.printed()).toContain('worker ended with SIGKILL');
  expect(demo.printed()).toMatch(/worker runs again \(pid \d+\)/);
  expect(demo.printed()).toMatch(/the HTTP API listens at http:\S+ \(pid \d+\)/);
  expect(demo.printed()).toMatch(/│ notified +│ +208 │ +208 │/);
  expect(demo.printed()).toContain('every payment request ended once, as the input says');
  await expectEnded(printedPids(demo.printed()));
}, 300_000);

it('the same day over sql ends every request once, by the same report, and leaves nothing running', async () => {
  const demo = runLocal('local/demo.ts', { args: ['--via', 'sql'], env: { TMPDIR: folder.path } });
  await succeeded(demo);
  expect(demo.printed()).toMatch(/watch them wait/);
  expect(demo.printed()).toMatch(/│ notified +│ +208 │ +208 │/);
  expect(demo.printed()).toContain('every payment request ended once, as the input says');
  await expectEnded(printedPids(demo.printed()));
}, 300_000);

it('a way that there is not is refused in one line, before anything is started', async () => {
  const demo = runLocal('local/demo.ts', { args: ['--via', 'pigeon'] });
  expect(await demo.ended).toBe(2);
  expect(demo.printed()).toBe('--via pigeon: must be one of client, http, sql\n');
});
