import { installation } from '../../app/installation';
import { insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import type { Finding } from '../../src/operating/doctor/finding';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { runLocal, useFolder } from '../support/local-process';
import { useOwnTemporal, useTemporal } from '../support/temporal';

const database = useDatabase(paymentsSchema);
const temporal = useTemporal();
const shortIds = useOwnTemporal({ dynamicConfig: { 'limit.maxIDLength': 100 } });
useFolder();

async function doctor(env: NodeJS.ProcessEnv = {}, args = ['--json']) {
  const cli = runLocal('app/cli.ts', {
    args: ['doctor', ...args],
    env: { DATABASE_URL: database.url, ...temporal.env(), CI: '1', ...env },
  });
  const code = await cli.ended;
  expect(cli.errors()).toBe('');
  return { code, printed: cli.printed() };
}
/** What is not ok, by check. */
async function examined(env: NodeJS.ProcessEnv = {}) {
  const { code, printed } = await doctor(env);
  const { healthy, findings } = JSON.parse(printed) as { healthy: boolean; findings: Finding[] };
  const ill = findings.filter(({ status }) => status !== 'ok');
  // What is not ok comes with what to do.
  for (const { todo } of ill) expect(todo).toBeTruthy();
  expect({ code, healthy }).toEqual(
    ill.some(({ status }) => status === 'fail') ? { code: 1, healthy: false } : { code: 0, healthy: true },
  );
  return Object.fromEntries(ill.map(({ check, status, says }) => [check, `${status}: ${says}`]));
}
const DELIVERIES = 'task queue postdate.payment-request.expiry';

// First, as Temporal remembers for minutes who has polled.
it('without a worker says that nobody polls, and that none is at work', async () => {
  expect(await examined()).toEqual({
    workers: 'fail: none at work',
    'task queue postdate': 'fail: polled by nobody',
    [DELIVERIES]: 'fail: polled by nobody',
    consumers: 'warn: notifications has never read',
  });
});

it('finds nothing wrong with what is well (the control), one line for each check', async () => {
  await temporal.withWorker(database, installation, async () => {
    await eventually(async () => expect(await examined()).toEqual({}));
    const { code, printed } = await doctor({}, []);
    expect(code).toBe(0);
    const lines = printed.trim().split('\n');
    expect(lines.pop()).toBe('nothing failed');
    expect(lines.length).toBeGreaterThan(12);
    for (const line of lines) expect(line).toMatch(/^ok {4}[^:]+: ./);
    expect(printed).toMatch(/PostgreSQL 1\d/);
    expect(printed).toMatch(/Temporal \d/);
    expect(printed).not.toContain('\u001b');
  });
});

it('finds what is old, behind, unrelayed and overdue in the database', async () => {
  const origin = { topic: 'payment-request.expiry', tenant: 'acme', key: 'k', cycle: 1 };
  await appendEvent(database.pool, origin, 'test.read', {});
  await relayBatch(database.pool);
  await appendEvent(database.pool, origin, 'test.unrelayed', {});
  const request = { tenant: 'acme', id: 'k', payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  await insertRequest(database.pool, request, Date.now() - 3_600_000);
  const young = await examined();
  expect(young[`overdue of ${origin.topic}`]).toMatch(/^fail: a row due .*, and no message$/);
  expect(young).not.toHaveProperty('outbox');
  expect(young).not.toHaveProperty('consumers');
  expect(young).not.toHaveProperty('database schema');

  await database.pool.query(`update postdate.outbox set relayed_at = relayed_at - interval '1 h'`);
  await database.pool.query(
    `update postdate.outbox set payload = payload || '{"time":"2026-01-01T00:00:00.000Z"}' where position is null`,
  );
  await database.pool.query(`delete from postdate.kysely_migration where name = '0010-retention'`);
  expect(await examined()).toMatchObject({
    consumers: expect.stringMatching(/^fail: notifications is 1 events behind, for 36\d\d s$/),
    outbox: expect.stringMatching(/^fail: 1 events are not in the stream yet/),
    'database schema': 'fail: lacks postdate 0010-retention',
  });

  await database.pool.query(
    `insert into postdate.kysely_migration (name, timestamp) values ('0010-retention', ''), ('9999-later', '')`,
  );
  await database.pool.query(`update postdate.consumer set name = 'gone' where name = 'notifications'`);
  expect(await examined()).toMatchObject({
    'database schema': 'warn: has postdate 9999-later',
    consumers: expect.stringMatching(/^warn: gone is 1 events behind/),
  });
});

it('finds a broker that is away, and that events wait for it, and never says its password', async () => {
  const [nats, kafka] = ['nats://postdate:secret@127.0.0.1:1', '127.0.0.1:1'];
  await database.pool.query(`insert into postdate.consumer (name, position) values ('nats', 0)`);
  await database.pool.query(`update postdate.outbox set relayed_at = relayed_at - interval '1 h'`);
  const { code, printed } = await doctor({ POSTDATE_NATS_URL: nats, POSTDATE_KAFKA_BROKERS: kafka }, []);
  expect(code).toBe(1);
  expect(printed).toMatch(/^fail {2}publisher nats: connection refused → start it, or check POSTDATE_NATS_…/m);
  expect(printed).toMatch(/^fail {2}publisher kafka: .*ECONNREFUSED/m);
  expect(printed).toMatch(/^fail {2}consumers: .*nats is \d events behind, for \d+ s/m);
  expect(printed).not.toContain('secret');
  // Unless it is configured, it is somebody who is no longer there.
  expect((await examined()).consumers).toMatch(/^warn: .*nats is \d events behind/);
});

it('finds search attributes that are missing or of another type, also while the database is away', async () => {
  const { workflowService, operatorService } = temporal.connection;
  const seconds = 86_400 as never;
  const namespace = 'elsewhere';
  await workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: { seconds } });
  await eventually(async () => {
    await operatorService.addSearchAttributes({ namespace, searchAttributes: { PostdateDueAt: 2 } });
  });
  const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', TEMPORAL_NAMESPACE: namespace };
  await eventually(async () => {
    expect(await examined(away)).toMatchObject({
      database: expect.stringMatching(/^fail: .*127\.0\.0\.1:1\/none cannot be reached/),
      'database clock': 'warn: could not be checked: the database is away',
      consumers: 'warn: could not be checked: the database is away',
      'search attributes': 'fail: PostdateDueAt: registered with another type',
    });
  });
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: ['PostdateDueAt'] });
  await eventually(async () => {
    const { 'search attributes': found } = await examined(away);
    expect(found).toBe('fail: PostdateTopic, PostdateTenant, PostdateKey, PostdateDueAt: missing');
  });
});

it('finds a server that takes short ids only, a namespace that is not there, and a setting that is wrong', async () => {
  const short = await examined(shortIds.env());
  expect(short).toMatchObject({ 'workflow ids': 'fail: shorter than 255 bytes' });
  const nowhere = await examined({ TEMPORAL_NAMESPACE: 'nowhere' });
  expect(nowhere).toMatchObject({ namespace: 'fail: there is no nowhere' });
  const wrong = await examined({ POSTDATE_HELD_MESSAGES: 'many' });
  expect(wrong).toMatchObject({
    configuration: expect.stringMatching(/^fail: POSTDATE_HELD_MESSAGES/),
    Temporal: 'warn: could not be checked: the configuration cannot be used',
  });
});
