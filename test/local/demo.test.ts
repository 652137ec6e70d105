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
