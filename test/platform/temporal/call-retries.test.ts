import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { createCallRetries } from '../../../src/platform/temporal/call-retries';
import { lazyClient } from '../../../src/platform/temporal/client';

// The first retry comes after 170 ms, a fifth more or less.
const BEFORE_THE_RETRY_MS = 60;
const nowhere = { namespace: 'default', connectionOptions: { address: '127.0.0.1:1' } };

const answerOf = (connection: Connection) =>
  connection.workflowService.getSystemInfo({}).then(
    () => 'answered',
    (error) => error.code,
  );

it('a call that waits for its retry when the client is closed fails, and the process goes on', async () => {
  const { connection, close } = lazyClient(nowhere);
  const answer = answerOf(connection);
  await new Promise((resolve) => setTimeout(resolve, BEFORE_THE_RETRY_MS));
  await close();
  // 14 is gRPC's code for unavailable.
  expect(await answer).toBe(14);
});

it('a call that fails is tried again while the client is open', async () => {
  const { connection, close } = lazyClient(nowhere);
  const call = connection.workflowService.getSystemInfo({}).catch(() => 'failed');
  const first = await Promise.race([call, new Promise((resolve) => setTimeout(() => resolve('tries'), 1_000))]);
  expect(first).toBe('tries');
  await close();
  expect(await call).toBe('failed');
});

it('a retry that comes after its connection was closed fails as its call did, and the process goes on', async () => {
  const retries = createCallRetries();
  const connection = Connection.lazy({ ...nowhere.connectionOptions, interceptors: retries.interceptors });
  const answer = answerOf(connection);
  await new Promise((resolve) => setTimeout(resolve, BEFORE_THE_RETRY_MS));
  // Node's timers may come in another order after a stall, so the connection is closed without waiting for the retries.
  const ended = retries.end();
  await connection.close();
  expect(await answer).toBe(14);
  await ended;
});

it("without it the SDK's retry ends the process (the control)", () => {
  const program = `
    const { Connection } = require('@temporalio/client');
    const connection = Connection.lazy({ address: '127.0.0.1:1' });
    connection.workflowService.getSystemInfo({}).catch(() => undefined);
    setTimeout(() => connection.close(), ${BEFORE_THE_RETRY_MS});`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: join(__dirname, '..', '..', '..'),
    encoding: 'utf8',
  });
  expect({ status, stderr }).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Channel has been shut down'),
  });
});
