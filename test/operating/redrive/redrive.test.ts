import { nanoid } from 'nanoid';
import { z } from 'zod';
import { paymentRequestExpiry } from '../../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../../app/payment-requests/requests';
import { findRequest } from '../../../app/payment-requests/rows';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { describe as describeMessage, schedule } from '../../../src/client';
import { workflowIdOf } from '../../../src/message/contract';
import { runAudit } from '../../../src/operating/audit/audit';
import { findFailed } from '../../../src/operating/redrive/failed';
import { redrive } from '../../../src/operating/redrive/redrive';
import { createWaiting } from '../../../src/producing/waiting-runs';
import { PermanentFailure, type Topic } from '../../../src/topics/topic';
import { inHere } from '../../support/cli';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { runLocal, useFolder } from '../../support/local-process';
import { startForeign, unreadablePayload } from '../../support/strangers';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema, paymentsSchema);
useFolder();
// So that an ended workflow can be deleted at once.
const temporal = useTemporal();
const broken = new Set<string>();
const topic: Topic = {
  ...effectTopic((_tx, { key }) => {
    if (broken.has(key)) throw new PermanentFailure('no such account');
    return { do: 'done' };
  }),
};
const expiry: Topic = {
  ...paymentRequestExpiry,
  landAll: undefined,
  async handle(tx, message) {
    if (broken.has(message.key)) throw new PermanentFailure('bad deploy');
    return paymentRequestExpiry.handle(tx, message as never);
  },
};
const during = (work: () => Promise<void>) => () =>
  temporal.withWorker(database, { topics: [topic, expiry], consumers: [], schemas: [] }, work);
const ended = (key: string, ending: object, name = topic.name) =>
  eventually(async () =>
    expect(await describeMessage(temporal.client, { topic: name, tenant: 'acme', key })).toMatchObject({ ending }),
  );

async function failing(): Promise<string> {
  const key = nanoid();
  broken.add(key);
  await schedule(temporal.client, {
    topic,
    tenant: 'acme',
    key,
    dueAt: Date.now() - 1,
    payload: { note: 'n' } as never,
  });
  await ended(key, { outcome: 'failed', cycle: 1 });
  return key;
}
async function failedOf(key: string, name = topic.name) {
  const [failed] = await findFailed(database.pool, { topic: name, key }, 10);
  if (!failed) throw new Error(`${key} has not failed`);
  return failed;
}
const redriven = async (key: string, of: Topic = topic, reason = 'the account is there now') =>
  redrive(
    { pool: database.pool, client: temporal.client, waiting: createWaiting(temporal.client) },
    of,
    await failedOf(key, of.name),
    { by: 'Anna', reason },
  );
const forget = (key: string, name: string) =>
  eventually(async () => {
    const workflowId = workflowIdOf({ topic: name, tenant: 'acme', key });
    await temporal.client.workflowService
      .deleteWorkflowExecution({ namespace: temporal.namespace, workflowExecution: { workflowId } })
      .catch(() => undefined);
    expect(await describeMessage(temporal.client, { topic: name, tenant: 'acme', key })).toBeUndefined();
  });

it(
  'a failed message is tried again in a new cycle, and the record says who wanted it and why',
  during(async () => {
    const key = await failing();
    broken.delete(key);
    expect(await redriven(key)).toEqual({ result: 'redriven', cycle: 2 });
    const ref = { topic: topic.name, tenant: 'acme', key };
    expect(await describeMessage(temporal.client, ref)).toMatchObject({ cycle: 2 });
    await ended(key, { outcome: 'delivered', cycle: 2 });
    expect(await traces(database.pool, key)).toMatchObject({ effects: 1, decisions: 2 });
    const { rows } = await database.pool.query('select * from postdate.redrive where key = $1', [key]);
    expect(rows).toMatchObject([
      { failed_cycle: 1, cycle: 2, redriven_by: 'Anna', reason: 'the account is there now' },
    ]);
    // It has failed no more.
    expect(await findFailed(database.pool, { topic: topic.name, key }, 10)).toEqual([]);
  }),
);

it(
  'redriven again before it has landed, or by two at one time, it is one redrive with one effect',
  during(async () => {
    const key = await failing();
    broken.delete(key);
    await Promise.all([redriven(key), redriven(key), redriven(key)]);
    await ended(key, { outcome: 'delivered', cycle: 2 });
    expect(await traces(database.pool, key)).toMatchObject({ effects: 1, decisions: 2 });
  }),
);

it(
  'a redrive that cannot be written down does not happen',
  during(async () => {
    const key = await failing();
    // No text of PostgreSQL takes it.
    await expect(redriven(key, topic, 'a\0b')).rejects.toThrow('invalid byte sequence');
    expect(await describeMessage(temporal.client, { topic: topic.name, tenant: 'acme', key })).toMatchObject({
      cycle: 1,
      ending: { outcome: 'failed' },
    });
    expect(await redriven(key)).toEqual({ result: 'redriven', cycle: 2 });
    await ended(key, { outcome: 'failed', cycle: 2 });
  }),
);

it(
  'what fails again is found again, with its new cycle',
  during(async () => {
    const key = await failing();
    await redriven(key);
    await ended(key, { outcome: 'failed', cycle: 2 });
    expect(await failedOf(key)).toMatchObject({ cycle: 2, reason: 'no such account' });
  }),
);

it(
  'failed messages are found by tenant, key, reason and time',
  during(async () => {
    const key = await failing();
    const found = async (selection: object) =>
      (await findFailed(database.pool, { topic: topic.name, ...selection }, 1_000)).map((failed) => failed.key);
    expect(await found({ tenant: 'acme', reason: 'such account' })).toContain(key);
    expect(await found({ failedAfter: new Date(Date.now() - 60_000) })).toContain(key);
    for (const selection of [{ tenant: 'other' }, { reason: 'no such row' }, { failedAfter: new Date() }]) {
      expect(await found(selection)).not.toContain(key);
    }
  }),
);

it(
  'what Temporal has forgotten is redriven from its row, and what has none is said to be unknown',
  during(async () => {
    const id = nanoid();
    broken.add(id);
    const service = createPaymentRequests({ pool: database.pool });
    const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
    await service.request({ tenant: 'acme', id, ...people }, Date.now() - 1);
    await ended(id, { outcome: 'failed' }, expiry.name);
    const kinds = async () => (await runAudit(database.pool, [expiry])).differences.map(({ kind }) => kind);
    expect(await kinds()).toContain('rowWaitsThoughDecided');
    await forget(id, expiry.name);
    broken.delete(id);
    expect(await redriven(id, expiry)).toMatchObject({ result: 'redriven' });
    await eventually(async () => {
      expect(await findRequest(database.pool, { tenant: 'acme', id })).toMatchObject({ status: 'EXPIRED' });
    });
    const { topics } = await runAudit(database.pool, [expiry]);
    expect(topics[0]?.tenants).toMatchObject([{ posted: 2, delivered: 1, failed: 1, gap: 0 }]);
    expect(await kinds()).not.toContain('rowWaitsThoughDecided');

    const key = await failing();
    await forget(key, topic.name);
    expect(await redriven(key)).toEqual({ result: 'unknown' });
  }),
);

it(
  'a failed message that cannot be read, or is refused today, says so, is not recorded, and holds up no other',
  during(async () => {
    const readable = await failing();
    broken.delete(readable);
    const refused = await failing();
    const unreadable = effectMessage(3_600_000, { cycle: 2 });
    await startForeign(temporal, unreadable, { taskQueue: 'nobody', input: [unreadablePayload] });
    await database.pool.query(
      `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, reason)
       values ($1, 'acme', $2, 1, 'failed', now() - interval '1 d', now() - interval '1 d', false, 'odd')`,
      [topic.name, unreadable.key],
    );
    expect(await redriven(unreadable.key)).toEqual({
      result: 'unusable',
      why: expect.stringContaining('cannot be decoded (encoding binary/encrypted)'),
    });
    const stricter: Topic = { ...topic, payload: z.object({ account: z.string() }) };
    expect(await redriven(refused, stricter)).toEqual({ result: 'unusable', why: expect.stringContaining('account') });
    const ofLater: Topic = {
      ...topic,
      payloadVersion: 2,
      upcasts: [
        () => {
          throw new Error('no such version');
        },
      ],
    };
    expect(await redriven(refused, ofLater)).toEqual({
      result: 'unusable',
      why: expect.stringMatching(/no such version$/),
    });
    const { rowCount } = await database.pool.query('select 1 from postdate.redrive where key = any($1)', [
      [refused, unreadable.key],
    ]);
    expect(rowCount).toBe(0);
    // The command goes on with the next.
    Object.assign(process.env, temporal.envFor(database));
    const by = ['--by', 'Anna', '--because', 'again', '--per-second', '100', '--json'];
    const { printed } = await inHere(
      ['redrive', '--topic', topic.name, '--failed-after', '2020-01-01T00:00:00Z', ...by],
      {
        topics: [topic],
        consumers: [],
        schemas: [],
      },
    );
    const results = new Map(
      JSON.parse(printed).map((one: { key: string; redriven: object }) => [one.key, one.redriven]),
    );
    expect(results.get(unreadable.key)).toMatchObject({ result: 'unusable' });
    expect(results.get(readable)).toEqual({ result: 'redriven', cycle: 2 });
  }),
);

it('the command shows what it would do, and does nothing without a name and a reason', async () => {
  const env = { DATABASE_URL: database.url, ...temporal.env() };
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, reason)
     values ($1, 'acme', 'preview', 1, 'failed', now() - interval '1 h', now(), false, 'bad deploy')`,
    [expiry.name],
  );
  const preview = runLocal('app/cli.ts', { args: ['redrive', '--topic', expiry.name, '--key', 'preview'], env });
  expect(await preview.exitCode).toBe(0);
  expect(preview.printed()).toContain('acme/preview  cycle 1: bad deploy');
  expect(preview.printed()).toContain('1 would be tried again');
  const { rowCount } = await database.pool.query(`select 1 from postdate.redrive where key = 'preview'`);
  expect(rowCount).toBe(0);
});
