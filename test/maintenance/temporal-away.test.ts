import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { findRequest, insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { freePort } from '../../local/ports';
import { isRunning } from '../../local/processes';
import { startTemporal } from '../../local/temporal-server';
import { describe as describeMessage } from '../../src/client';
import { runAudit } from '../../src/operating/audit/audit';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { readConfig } from '../../src/process/config';
import { startWorker } from '../../src/worker';
import { useDatabase } from '../support/database';
import { allDispatched } from '../support/dispatching';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import '../support/quiet-runtime';

const database = useDatabase(paymentsSchema);
const folder = useFolder();
const LEAD_MS = 1_000;
/** Beyond so short a lead no worker holds what is due in some seconds. */
const parts = { ...installation, topics: [{ ...paymentRequestExpiry, leadMs: LEAD_MS }] };
const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };

it('requests expire while Temporal is away, also those posted meanwhile, and their workflows end when it is back', async () => {
  const options = {
    executable: process.env.POSTDATE_TEST_TEMPORAL_CLI as string,
    dbFile: join(folder.path, 'temporal.db'),
  };
  const first = await startTemporal(options);
  const connection = await Connection.connect({ address: first.address });
  await ensureSearchAttributes(connection, 'default');
  const client = new Client({ connection });
  const service = createPaymentRequests({ pool: database.pool });
  const worker = await startWorker(
    readConfig({
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: first.address,
      TEMPORAL_NAMESPACE: 'default',
      POSTDATE_SWEEP_GRACE_SECONDS: '1',
      POSTDATE_SWEEP_EVERY_SECONDS: '1',
    }),
    parts,
    pino({ level: 'silent' }),
  );
  // Beyond the lead, so that no worker holds them when the server dies.
  const dueAt = Date.now() + 10_000;
  const refs = Array.from({ length: 10 }, () => ({ tenant: 'acme', id: nanoid() }));
  for (const ref of refs) await service.request({ ...ref, ...people }, dueAt);
  await allDispatched(database.pool);
  process.kill(first.pid, 'SIGKILL');
  await eventually(async () => expect(await isRunning(first.pid)).toBe(false));
  expect(Date.now()).toBeLessThan(dueAt - LEAD_MS);
  // Producers do not notice.
  const meanwhile = Array.from({ length: 5 }, () => ({ tenant: 'acme', id: nanoid() }));
  for (const ref of meanwhile) {
    expect(await service.request({ ...ref, ...people }, dueAt)).toEqual({ result: 'requested' });
  }
  refs.push(...meanwhile);

  for (const ref of refs) {
    await eventually(async () => expect((await findRequest(database.pool, ref))?.status).toBe('EXPIRED'));
  }
  const early = await database.pool.query('select 1 from postdate.delivery where decided_at < due_at');
  expect(early.rowCount).toBe(0);

  const second = await startTemporal({ ...options, preferredPort: Number(first.address.split(':')[1]) });
  expect(second.address).toBe(first.address);
  for (const { tenant, id: key } of refs) {
    await eventually(async () => {
      const known = await describeMessage(client, { topic: paymentRequestExpiry.name, tenant, key });
      expect(known).toMatchObject({ state: 'ended', ending: { outcome: 'delivered', cycle: 1 } });
    }, 120_000);
  }
  expect(await runAudit(database.pool, [paymentRequestExpiry])).toMatchObject({ sound: true });
  worker.stop();
  await worker.finished;
  await connection.close();
  await second.stop();
}, 300_000);

it('a worker that starts while Temporal is away lands what is overdue from its rows, shows its metrics, ends when it is told to, and polls when Temporal is there', async () => {
  const port = await freePort();
  const env = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: `127.0.0.1:${port}`,
    TEMPORAL_NAMESPACE: 'default',
    POSTDATE_SWEEP_GRACE_SECONDS: '1',
    POSTDATE_SWEEP_EVERY_SECONDS: '1',
  };
  const told = runLocal('app/main.ts', { env });
  await told.prints(/Temporal is away/);
  const ref = { tenant: 'acme', id: nanoid() };
  await insertRequest(database.pool, { ...ref, ...people }, Date.now() - 10_000);
  await eventually(async () => expect((await findRequest(database.pool, ref))?.status).toBe('EXPIRED'));
  told.signal('SIGTERM');
  expect(await told.exitCode).toBe(0);
  expect(told.printed()).not.toContain('worker is running');

  const metricsAddress = `127.0.0.1:${await freePort()}`;
  const rescued = async () => {
    const metrics = await (await fetch(`http://${metricsAddress}/metrics`)).text();
    expect(metrics).toMatch(/^postdate_rescued_messages_total\{.*reason="notDelivered".*\} \d/m);
  };
  const waits = runLocal('app/main.ts', { env: { ...env, POSTDATE_METRICS_ADDRESS: metricsAddress } });
  await waits.prints(/Temporal is away/);
  await eventually(rescued);
  const server = await startTemporal({
    executable: process.env.POSTDATE_TEST_TEMPORAL_CLI as string,
    dbFile: join(folder.path, 'later.db'),
    preferredPort: port,
  });
  await waits.prints(/worker is running/);
  await rescued();
  waits.signal('SIGTERM');
  expect(await waits.exitCode).toBe(0);
  await server.stop();
}, 300_000);
