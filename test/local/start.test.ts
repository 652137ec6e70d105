import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { describe as describeMessage, schedule } from '../../src/client';
import { expectEnded, type LocalProcess, printedPids, runLocal, useFolder } from '../support/local-process';

const folder = useFolder();
// As after `npm ci`: its worker bundles the workflows itself.
const start = (): LocalProcess =>
  runLocal('local/start.ts', { env: { POSTDATE_DATA_FOLDER: folder.path, POSTDATE_WORKFLOW_BUNDLE: '' } });

async function stop(stack: LocalProcess): Promise<void> {
  stack.signal('SIGINT');
  expect(await stack.exitCode).toBe(0);
  await expectEnded(printedPids(stack.printed()));
}

async function withClient<Result>(stack: LocalProcess, use: (client: Client) => Promise<Result>): Promise<Result> {
  const [, address] = await stack.prints(/TEMPORAL_ADDRESS=(\S+)/);
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

it('the local stack shows its Web UI, stops what it started on Ctrl-C, and messages wait over a restart', async () => {
  const ref = { topic: paymentRequestExpiry.name, tenant: 'acme', key: nanoid() };
  const first = start();
  await withClient(first, (client) =>
    schedule(client, { ...ref, topic: paymentRequestExpiry, cycle: 1, dueAt: Date.now() + 3_600_000, payload: {} }),
  );
  const [, link] = await first.prints(/waiting messages: (\S+)/);
  expect((await fetch(link as string)).status).toBe(200);
  await first.prints(/Ctrl-C stops/);
  await stop(first);

  const second = start();
  expect(await withClient(second, (client) => describeMessage(client, ref))).toMatchObject({ state: 'waiting' });
  await second.prints(/Ctrl-C stops/);
  await stop(second);
}, 300_000);

it('a wrong variable stops the start with its name, and nothing stays behind', async () => {
  const stack = runLocal('local/start.ts', {
    env: { POSTDATE_DATA_FOLDER: folder.path, TEMPORAL_ADDRESS: 'http://nowhere' },
  });
  expect(await stack.exitCode).toBe(1);
  expect(stack.printed()).toMatch(/the worker did not start: .*TEMPORAL_ADDRESS: must be host:port/);
  await expectEnded(printedPids(stack.printed()));
}, 300_000);
