import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import pino from 'pino';
import { installation } from '../app/installation';
import { paymentRequestExpiry } from '../app/payment-requests/expiry';
import { createPaymentRequests } from '../app/payment-requests/requests';
import { findRequest } from '../app/payment-requests/rows';
import { isRunning } from '../local/processes';
import { startWorkerProcess, type WorkerProcess } from '../local/worker-process';
import { readConfig } from '../src/process/config';
import { startWorker } from '../src/worker';
import { useDatabase } from './support/database';
import { eventually } from './support/eventually';
import { useTemporal } from './support/temporal';

const temporal = useTemporal();
const database = useDatabase();

// Each starts a worker or several, some of them twice, which takes half a minute where everything else runs on the same cores.
jest.setTimeout(300_000);

let folder: string;
const running: WorkerProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postdate-worker-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((worker) => worker.stop()));
  await rm(folder, { recursive: true, force: true });
});

/** The production worker as a process of its own, as `node app/main.ts`. */
async function start(env: NodeJS.ProcessEnv = temporal.envFor(database)) {
  const lines: string[] = [];
  const logFile = join(folder, `${nanoid()}.log`);
  const worker = await startWorkerProcess({ env, logFile, log: (line) => lines.push(line) });
  running.push(worker);
  return {
    worker,
    lines,
    logged: () => readFile(logFile, 'utf8'),
    stopped: () => eventually(async () => expect(lines.join('\n')).toContain('worker ended with 0')),
  };
}

/** Posts a payment request of this id, as a service does that has no worker of its own. */
const request = (id: string, expiresAt: number) =>
  createPaymentRequests({ pool: database.pool }).request(
    { tenant: 'acme', id, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' },
    expiresAt,
  );

it('three workers that start at one moment on an empty database all get to work', async () => {
  const workers = await Promise.all([start(), start(), start()]);
  for (const { worker } of workers) expect(await isRunning(worker.pid() as number)).toBe(true);
  const { rows } = await database.pool.query('select count(*)::int as n from payments.payment_request');
  expect(rows).toEqual([{ n: 0 }]);
});

it('killed hard over the due time, and started again, ends every request once and only once', async () => {
  const { worker, lines } = await start();
  const ids = Array.from({ length: 20 }, () => nanoid());
  const expiresAt = Date.now() + 4_000;
  for (const id of ids) await request(id, expiresAt);
  const killed = worker.pid() as number;
  process.kill(killed, 'SIGKILL');

  const count = async (table: string, where: string) =>
    (await database.pool.query(`select count(*)::int as n from ${table} where ${where}`, [ids])).rows[0].n;
  await eventually(async () =>
    expect(await count('payments.payment_request', `id = any($1) and status = 'EXPIRED'`)).toBe(ids.length),
  );
  expect(lines.join('\n')).toContain('worker ended with SIGKILL');
  expect(worker.pid()).not.toBe(killed);
  expect(await count('postdate.delivery', 'key = any($1)')).toBe(ids.length);
  const expired = `type = 'payment-request.expired' and split_part(aggregateid, '/', 2) = any($1)`;
  expect(await count('postdate.outbox', expired)).toBe(ids.length);
  const told = `event_id like '%.expired' and split_part(event_id, ':', 3) = any($1)`;
  await eventually(async () => expect(await count('payments.notification', told)).toBe(2 * ids.length));
});

it('told to stop by SIGTERM, it takes no more work and ends with exit code 0', async () => {
  const { worker, logged, stopped } = await start();
  process.kill(worker.pid() as number, 'SIGTERM');
  await stopped();
  expect(await logged()).toContain('"msg":"stopped"');
});

describe('told to stop while a delivery waits for a lock', () => {
  /** A request whose expiry has begun and hangs on its row, which `during` finds locked. */
  async function whileHanging(env: NodeJS.ProcessEnv, during: (stopped: () => Promise<void>) => Promise<void>) {
    const { worker, stopped } = await start({ ...temporal.envFor(database), ...env });
    const id = nanoid();
    // It is to be locked before it is due.
    await request(id, Date.now() + 4_000);
    const holder = await database.pool.connect();
    try {
      await holder.query('begin');
      await holder.query('select 1 from payments.payment_request where id = $1 for update', [id]);
      const waiting = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      await eventually(async () => expect((await database.pool.query(waiting)).rowCount).toBe(1));
      process.kill(worker.pid() as number, 'SIGTERM');
      await during(stopped);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    return {
      status: async () => (await findRequest(database.pool, { tenant: 'acme', id }))?.status,
      stopped,
    };
  }

  it('finishes it when it can within the grace time', async () => {
    const { status, stopped } = await whileHanging({}, async () => undefined);
    await stopped();
    expect(await status()).toBe('EXPIRED');
  });

  it('hands it back when it cannot, ends with 0 all the same, and the next worker delivers it', async () => {
    const { status } = await whileHanging({ POSTDATE_SHUTDOWN_GRACE_SECONDS: '1' }, (stopped) => stopped());
    await eventually(async () => expect(await status()).toBe('EXPIRED'));
  });
});

it('does not start with two topics of one name, which would share a queue', async () => {
  const topics = [paymentRequestExpiry, { ...paymentRequestExpiry }];
  const twice = startWorker(
    readConfig(temporal.envFor(database)),
    { ...installation, topics },
    pino({ level: 'silent' }),
  );
  await expect(twice).rejects.toThrow('need names of their own');
});

it('does not start with a topic whose lead is no lead, also when that was not declared by defineTopic', async () => {
  const topics = [{ ...paymentRequestExpiry, leadMs: -1 }];
  const started = startWorker(
    readConfig(temporal.envFor(database)),
    { ...installation, topics },
    pino({ level: 'silent' }),
  );
  await expect(started).rejects.toMatchObject({
    code: 'invalidLead',
    message: expect.stringContaining(paymentRequestExpiry.name),
  });
});

it('with a wrong variable it does not start, and its last words name the variable', async () => {
  const env = { ...temporal.envFor(database), POSTDATE_DATABASE_CONNECTIONS: 'many' };
  await expect(start(env)).rejects.toThrow('it ended with 1');
  const [log] = await readdir(folder);
  expect(await readFile(join(folder, log as string), 'utf8')).toContain('POSTDATE_DATABASE_CONNECTIONS');
});
