import { existsSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import pino from 'pino';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { findRequest, type PaymentRequestRef } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { createDatabase, dropDatabase, withClient } from '../../local/databases';
import { type RunningTemporal, startTemporal } from '../../local/temporal-server';
import { describe as describeMessage, move } from '../../src/client';
import { reconcile } from '../../src/maintenance/reconcile';
import { runAudit } from '../../src/operating/audit/audit';
import { migrate, postdateSchema } from '../../src/platform/database/migrate';
import { createPool } from '../../src/platform/database/pool';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import { readConfig } from '../../src/process/config';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import type { TopicWithRows } from '../../src/topics/business-rows';
import { startWorker } from '../../src/worker';
import { allDispatched, dispatchAll } from '../support/dispatching';
import { eventually } from '../support/eventually';
import { useFolder } from '../support/local-process';
import '../support/quiet-runtime';

const topic = paymentRequestExpiry as TopicWithRows;
const HOUR_MS = 3_600_000;
const server = process.env.POSTDATE_TEST_DATABASE_URL as string;
const folder = useFolder();
const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
const name = `postdate_test_${nanoid(12).toLowerCase().replaceAll('-', '_')}`;
let url: string;
let pool: Pool;
let client: Client;
let connection: Connection;
let temporal: RunningTemporal;

const temporalFile = () => join(folder.path, 'temporal.db');
async function startServer(): Promise<void> {
  const executable = process.env.POSTDATE_TEST_TEMPORAL_CLI as string;
  const preferredPort = temporal && Number(temporal.address.split(':')[1]);
  temporal = await startTemporal({ executable, dbFile: temporalFile(), preferredPort });
}
const connect = () => {
  pool = createPool(url, { connections: 10, onError: () => undefined });
};
/** Copies a database on the same server; nobody may be connected to it meanwhile. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await pool.end();
  await dropDatabase(server, to);
  await withClient(server, (db) => db.query(`create database "${to}" template "${from}"`));
  connect();
}
/** The same for Temporal: its file, and beside it the log of what is not in the file yet. */
async function copyTemporal(from: string, to: string): Promise<void> {
  await temporal.stop();
  for (const part of ['', '-wal', '-shm']) {
    await rm(to + part, { force: true });
    if (existsSync(from + part)) await copyFile(from + part, to + part);
  }
  await startServer();
}

beforeEach(async () => {
  url = await createDatabase(server, name);
  connect();
  for (const schema of [postdateSchema, paymentsSchema]) await migrate(pool, schema);
  await registerTopics(pool, [topic]);
  await startServer();
  connection = await Connection.connect({ address: temporal.address });
  await ensureSearchAttributes(connection, 'default');
  client = new Client({ connection });
}, 120_000);
afterEach(async () => {
  await connection.close();
  await temporal.stop();
  for (const part of ['', '-wal', '-shm']) await rm(temporalFile() + part, { force: true });
  await pool.end();
  for (const one of [name, `${name}_backup`]) await dropDatabase(server, one);
});

async function withWorker(during: () => Promise<void>): Promise<void> {
  const env = { DATABASE_URL: url, TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: 'default' };
  const worker = await startWorker(readConfig(env), installation, pino({ level: 'silent' }));
  try {
    await during();
  } finally {
    worker.stop();
    await worker.finished;
  }
}

/** One that nobody touches, and due times that leave this machine time for what comes before them, as posting it showed. */
async function requestAndDueTimes(): Promise<{ untouched: PaymentRequestRef; soon: number; later: number }> {
  const startedAt = Date.now();
  const untouched = await request(startedAt + HOUR_MS);
  const tookMs = Date.now() - startedAt;
  // Three more requests and a copy come before the one; a worker's start, work and end, and another copy, before the other.
  const soon = Date.now() + 4_000 + 10 * tookMs;
  return { untouched, soon, later: soon + 10_000 + 20 * tookMs };
}

const service = () => createPaymentRequests({ pool });
async function request(dueAt: number): Promise<PaymentRequestRef> {
  const ref = { tenant: 'acme', id: nanoid() };
  await service().request({ ...ref, ...people }, dueAt);
  await dispatchAll({ pool, client }, [topic]);
  return ref;
}
const statusOf = async (ref: PaymentRequestRef) => (await findRequest(pool, ref))?.status;
const becomes = (ref: PaymentRequestRef, status: string) =>
  eventually(async () => expect(await statusOf(ref)).toBe(status), 120_000);
const messageOf = ({ tenant, id: key }: PaymentRequestRef) =>
  describeMessage(client, { topic: topic.name, tenant, key });
const ends = (ref: PaymentRequestRef, ending: object) =>
  eventually(async () => expect(await messageOf(ref)).toMatchObject({ state: 'ended', ending }), 120_000);
async function decisionsOf({ id }: PaymentRequestRef): Promise<string[]> {
  const { rows } = await pool.query('select outcome from postdate.delivery where key = $1 order by cycle', [id]);
  return rows.map(({ outcome }) => outcome);
}
async function expiriesOf({ tenant, id }: PaymentRequestRef): Promise<string[]> {
  const told = `select id from postdate.outbox where aggregateid = $1 and type = 'payment-request.expired'`;
  return (await pool.query(told, [`${tenant}/${id}`])).rows.map((row) => row.id);
}
async function reconciled(options: { dryRun?: boolean } = {}) {
  const { started, ended, ...rest } = await reconcile({ pool, client }, topic, { perSecond: 100, ...options });
  const keys = (refs: { key: string }[]) => refs.map(({ key }) => key).sort();
  return { started: keys(started), ended: keys(ended), ...rest };
}
const keysOf = (...refs: PaymentRequestRef[]) => refs.map(({ id }) => id).sort();
/** Reconciles when Temporal's list has caught up, and says so: this one is to be ended, and no other. */
async function reconcileEnds(ref: PaymentRequestRef): Promise<void> {
  const ended = keysOf(ref);
  await eventually(async () => expect(await reconciled({ dryRun: true })).toMatchObject({ ended }), 120_000);
  expect(await reconciled()).toMatchObject({ ended });
}
const findsOut = (expected: { started: string[]; ended: string[] }) =>
  eventually(async () =>
    expect(await reconciled({ dryRun: true })).toEqual({ ...expected, overtaken: [], unusable: [], unreadable: [] }),
  );

it("a backup of the application's database is restored: rows decide, once each, and what is newer than it is gone", async () => {
  const now = Date.now();
  const { untouched, soon, later } = await requestAndDueTimes();
  const [expired, paid, extended] = [await request(soon), await request(later), await request(later)];
  await copyDatabase(name, `${name}_backup`);
  expect(Date.now()).toBeLessThan(soon);

  let newer = [] as unknown as [PaymentRequestRef, PaymentRequestRef];
  let firstTold: string[] = [];
  await withWorker(async () => {
    newer = [await request(now + HOUR_MS), await request(now + HOUR_MS)];
    expect(await service().pay(paid)).toMatchObject({ result: 'paid' });
    expect(await service().extend(extended, now + HOUR_MS)).toMatchObject({ result: 'extended' });
    await becomes(expired, 'EXPIRED');
    await ends(expired, { outcome: 'delivered', cycle: 1 });
    await ends(paid, { outcome: 'cancelled' });
    firstTold = await expiriesOf(expired);
  });
  await copyDatabase(`${name}_backup`, name);

  for (const ref of [untouched, expired, paid, extended]) expect(await statusOf(ref)).toBe('PENDING');
  for (const ref of newer) expect(await statusOf(ref)).toBeUndefined();
  await findsOut({ started: keysOf(expired, paid), ended: keysOf(...newer) });
  await withWorker(async () => {
    // A message whose row is gone, and that comes due before anybody reconciles, has nothing to do.
    await move(client, { topic: topic.name, tenant: 'acme', key: newer[1].id }, { dueAt: Date.now() });
    await ends(newer[1], { outcome: 'skipped', reason: 'there is no such payment request' });
    await reconcileEnds(newer[0]);
    await ends(newer[0], { outcome: 'cancelled', reason: 'no row waits for it' });
    // What had expired expires again, and tells it by the same id as the first time.
    await becomes(expired, 'EXPIRED');
    await ends(expired, { outcome: 'delivered', cycle: 1 });
    expect(await expiriesOf(expired)).toEqual(firstTold);
    // The payment was newer than the backup: the request waits again. So does the extension: its row has the old due time.
    await becomes(paid, 'EXPIRED');
    await becomes(extended, 'EXPIRED');
    expect(await messageOf(extended)).toMatchObject({ state: 'waiting', cycle: 2 });
    await reconcileEnds(extended);
    await ends(extended, { outcome: 'cancelled', cycle: 2 });
    expect(await messageOf(untouched)).toMatchObject({ state: 'waiting', cycle: 1 });
  });
  for (const ref of [expired, paid]) expect(await decisionsOf(ref)).toEqual(['delivered']);
  expect(await decisionsOf(extended)).toEqual(['delivered', 'cancelled']);
  for (const ref of [expired, paid, extended]) expect(await expiriesOf(ref)).toHaveLength(1);
  await findsOut({ started: [], ended: [] });
  const { topics, differences } = await runAudit(pool, [topic]);
  // What was moved and skipped, as its row was gone before anybody reconciled, is too much, and counted.
  expect(topics[0]?.tenants).toMatchObject([{ tenant: 'acme', gap: -2 }]);
  expect(differences).toEqual([]);
}, 300_000);

it("a backup of Temporal's database is restored: the ledger answers for what is decided, and rows have the rest started", async () => {
  const now = Date.now();
  const { untouched, soon, later } = await requestAndDueTimes();
  const [expired, paid, extended] = [await request(soon), await request(now + HOUR_MS), await request(later)];
  const backup = `${temporalFile()}.backup`;
  await copyTemporal(temporalFile(), backup);
  expect(Date.now()).toBeLessThan(soon);

  let newer = {} as PaymentRequestRef;
  await withWorker(async () => {
    newer = await request(now + HOUR_MS);
    expect(await service().pay(paid)).toMatchObject({ result: 'paid' });
    expect(await service().extend(extended, now + HOUR_MS)).toMatchObject({ result: 'extended' });
    await becomes(expired, 'EXPIRED');
    await ends(expired, { outcome: 'delivered', cycle: 1 });
    await allDispatched(pool);
  });
  await copyTemporal(backup, temporalFile());

  // Temporal is where it was: it lacks one, and has two wait whose rows are done with.
  expect(await messageOf(newer)).toBeUndefined();
  for (const ref of [expired, paid, extended]) expect(await messageOf(ref)).toMatchObject({ state: 'waiting' });
  await findsOut({ started: keysOf(newer), ended: keysOf(expired, paid) });
  await withWorker(async () => {
    expect(await reconciled()).toMatchObject({ started: keysOf(newer) });
    expect(await messageOf(newer)).toMatchObject({ state: 'waiting', cycle: 1 });
    await ends(expired, { outcome: 'delivered', cycle: 1 });
    await ends(paid, { outcome: 'cancelled', cycle: 1 });
    await eventually(async () => expect(await messageOf(extended)).toMatchObject({ state: 'waiting', cycle: 2 }));
    expect(await messageOf(untouched)).toMatchObject({ state: 'waiting', cycle: 1 });
  });
  expect(await statusOf(paid)).toBe('PAID');
  expect(await decisionsOf(expired)).toEqual(['delivered']);
  expect(await decisionsOf(extended)).toEqual(['moved']);
  expect(await expiriesOf(expired)).toHaveLength(1);
  await findsOut({ started: [], ended: [] });
  expect(await runAudit(pool, [topic])).toMatchObject({ sound: true, differences: [] });
}, 300_000);
