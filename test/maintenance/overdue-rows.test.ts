import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { closeRequest, findRequest, insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { createActivities } from '../../src/activities';
import { land } from '../../src/delivery/landing/landing';
import { startSweepOfRows } from '../../src/maintenance/overdue-rows';
import type { Delivery, ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import type { Queryable } from '../../src/platform/database/pool';
import type { Metrics } from '../../src/platform/telemetry/metrics';
import { findOverdueRows, type TopicWithRows } from '../../src/topics/business-rows';
import type { Topic } from '../../src/topics/topic';
import { runActivity } from '../support/activity';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, groupTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { landsAtOnce, type TestHold, useHolds } from '../support/hold';
import { silentLog } from '../support/silent-log';

const database = useDatabase(paymentsSchema, effectsSchema);
const startHold = useHolds(database);
const SWEEP = { graceMs: 1_000, everyMs: 200 };
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
  await database.pool.query('delete from payments.payment_request');
});

/** A worker with its sweep, and nothing else that could bring it a message. */
async function startSweeping(
  topic: Topic = paymentRequestExpiry,
  limits = SWEEP,
  commandsFirst = landsAtOnce,
): Promise<TestHold> {
  const worker = await startHold([topic]);
  const { hold, reported, worker: name } = worker;
  const metrics = { rescued: (...values: Parameters<Metrics['rescued']>) => void reported.rescued.push(values) };
  const onError = (error: unknown) => void worker.errors.push(error);
  const sweep = startSweepOfRows(
    { pool: database.pool, worker: name, commandsFirst, metrics, log: silentLog, onError },
    hold,
    topic,
    limits,
  );
  ends.push(() => sweep.stop().then(worker.leave));
  return worker;
}

async function request(dueInMs: number) {
  const ref = { tenant: 'acme', id: nanoid() };
  const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
  await insertRequest(database.pool, { ...ref, ...people }, Date.now() + dueInMs);
  return ref;
}
const messageOf = ({ tenant, id }: { tenant: string; id: string }, dueInMs: number): ScheduledMessage => ({
  v: 1,
  topic: paymentRequestExpiry.name,
  tenant,
  key: id,
  cycle: 1,
  dueAt: Date.now() + dueInMs,
  payload: {},
});
const statusOf = async (ref: { tenant: string; id: string }) => (await findRequest(database.pool, ref))?.status;
const expired = (ref: { tenant: string; id: string }) =>
  eventually(async () => expect(await statusOf(ref)).toBe('EXPIRED'));
const rescued = ({ reported }: TestHold) => reported.rescued.map(([, reason]) => reason);
const eventsOf = async (id: string) =>
  (await database.pool.query('select type from postdate.outbox where aggregateid = $1', [`acme/${id}`])).rows;

describe('a row that is overdue and that no message came for', () => {
  it('is landed without Temporal, once, with its event, and counted with its reason', async () => {
    const ref = await request(-2_000);
    const worker = await startSweeping();
    await expired(ref);
    expect(await eventsOf(ref.id)).toEqual([{ type: 'payment-request.expired' }]);
    await eventually(async () => expect(rescued(worker)).toEqual(['notDelivered']));
    // Its activity, should it come at last, reads what was decided.
    const decision = await worker.deliver(paymentRequestExpiry, messageOf(ref, -2_000));
    expect(decision).toMatchObject({ outcome: 'delivered' });
    expect(await eventsOf(ref.id)).toHaveLength(1);
  });

  it('is decided for the message of that cycle, whoever posted it', async () => {
    const ref = await request(-2_000);
    await startSweeping();
    await expired(ref);
    const none = undefined as never;
    const parts = { hold: none, heartbeater: none, runClosed: none, commandsFirst: none };
    const { cancel } = createActivities({ pool: database.pool, topic: paymentRequestExpiry, ...parts });
    const message = { ...messageOf(ref, -2_000), postId: nanoid() };
    const decision = await runActivity<Parameters<typeof cancel>[0], Decision>(cancel, {
      message,
      command: { commandId: nanoid() },
    });
    expect(decision).toMatchObject({ outcome: 'delivered', cycle: 1, next: undefined });
  });

  it('is landed by one worker of several', async () => {
    const refs = await Promise.all(Array.from({ length: 30 }, () => request(-2_000)));
    const workers = await Promise.all([startSweeping(), startSweeping(), startSweeping()]);
    for (const ref of refs) await expired(ref);
    await eventually(async () => expect(workers.flatMap(rescued)).toHaveLength(30));
    for (const { id } of refs) expect(await eventsOf(id)).toHaveLength(1);
  });

  it('would have stayed as it is without a sweep, or within the grace', async () => {
    const ref = await request(-2_000);
    await startSweeping(paymentRequestExpiry, { ...SWEEP, graceMs: 60_000 });
    const worker = await startHold([paymentRequestExpiry]);
    ends.push(worker.leave);
    // The control: its sweep is at work, and takes what is beyond the grace.
    await expired(await request(-120_000));
    expect(await statusOf(ref)).toBe('PENDING');
  });
});

it('what is not due, paid, decided, or held by a worker that is well, is left alone', async () => {
  const [sleeping, paid, cancelled, held, lost] = await Promise.all([
    request(60_000),
    request(-2_000),
    request(-2_000),
    request(1_500),
    request(-2_000),
  ]);
  await closeRequest(database.pool, paid, 'PAID');
  // Cancelled by an operator who did not tell the row.
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
     values ($1, 'acme', $2, 1, 'cancelled', clock_timestamp(), false)`,
    [paymentRequestExpiry.name, cancelled.id],
  );
  // Its handler takes its time, well beyond the grace.
  const gate = new AbortController();
  const slow: Topic = {
    ...paymentRequestExpiry,
    landAll: undefined,
    async handle(tx, message) {
      await once(gate.signal, 'abort');
      return paymentRequestExpiry.handle(tx, message as never);
    },
  };
  const holder = await startHold([slow]);
  ends.push(holder.leave);
  const message = messageOf(held, 1_500);
  const attempt = holder.deliver(slow, message);
  const worker = await startSweeping();
  await expired(lost);
  await pause(message.dueAt + SWEEP.graceMs - Date.now());
  // By now the held one is beyond the grace, and so the sweep of this row would have taken that, too.
  await expired(await request(-2_000));
  gate.abort();
  expect(await attempt).toMatchObject({ outcome: 'delivered' });
  const statuses = await Promise.all([sleeping, paid, cancelled].map(statusOf));
  expect(statuses).toEqual(['PENDING', 'PAID', 'PENDING']);
  await eventually(async () => expect(rescued(worker)).toEqual(['notDelivered', 'notDelivered']));
  // Nor is any of them tried, which the ledger would answer, or the holder's lock hold up.
  expect(worker.reported.landed.map(([, size]) => size)).toEqual([1, 1]);
  expect(worker.errors).toEqual([]);
});

it('what cannot be landed is tried ever more rarely, counts as no rescue, and holds up no other', async () => {
  const [poison, good] = [await request(-3_000), await request(-2_000)];
  let tries = 0;
  const topic: Topic = {
    ...paymentRequestExpiry,
    landAll: undefined,
    async handle(tx, message) {
      if (message.key !== poison.id) return paymentRequestExpiry.handle(tx, message as never);
      tries += 1;
      throw new Error('poison');
    },
  };
  const worker = await startSweeping(topic, { ...SWEEP, everyMs: 100 });
  await expired(good);
  await eventually(async () => expect(tries).toBeGreaterThanOrEqual(3));
  await pause(1_500);
  // Without the backoff it would be fifteen more.
  expect(tries).toBeLessThan(9);
  expect(rescued(worker)).toEqual(['notDelivered']);
});

describe('what was held by a worker that nobody knows any more', () => {
  async function abandoned(topic: Topic, dueInMs: number): Promise<ScheduledMessage> {
    const message = effectMessage(dueInMs, { topic: topic.name });
    await database.pool.query(
      `insert into postdate.held (topic, tenant, key, cycle, worker, delivery) values ($1, $2, $3, 1, 'gone', $4)`,
      [topic.name, message.tenant, message.key, JSON.stringify({ message, late: false })],
    );
    return message;
  }

  it('is landed, also for a topic without rows, when it is overdue by more than the grace', async () => {
    const topic = { ...groupTopic(), name: 'test.abandoned' };
    const [message, young] = [await abandoned(topic, -120_000), await abandoned(topic, -2_000)];
    const worker = await startSweeping(topic, { ...SWEEP, graceMs: 60_000 });
    await eventually(async () => expect(rescued(worker)).toContain('workerDied'));
    expect((await traces(database.pool, message.key)).effects).toBe(1);
    expect((await traces(database.pool, young.key)).decisions).toBe(0);
    expect(rescued(worker)).toEqual(['workerDied']);
  });

  it('waits for a cancel that came in time, and holds up no other message', async () => {
    const topic = { ...groupTopic(), name: 'test.abandoned-and-cancelled' };
    const [cancelled, other] = [await abandoned(topic, -120_000), await abandoned(topic, -120_000)];
    const isOther = ({ message }: Delivery) => message.key === other.key;
    const decided = new AbortController();
    const worker = await startSweeping(topic, SWEEP, {
      ...landsAtOnce,
      async landInOrder(deliveries, land) {
        const waiting = deliveries.filter((one) => !isOther(one));
        decided.signal.addEventListener('abort', () => void land(waiting));
        await land(deliveries.filter(isOther));
      },
    });
    await eventually(async () => expect(rescued(worker)).toEqual(['workerDied']));
    expect((await traces(database.pool, other.key)).effects).toBe(1);
    expect((await traces(database.pool, cancelled.key)).decisions).toBe(0);
    // The control: nothing else keeps it.
    decided.abort();
    await eventually(async () => expect(rescued(worker)).toHaveLength(2));
  });

  it('counts as no rescue when it had landed before, and was only not struck out', async () => {
    const topic = { ...groupTopic(), name: 'test.not-struck' };
    const message = await abandoned(topic, -2_000);
    await land(database.pool, topic, [{ message, late: false }]);
    const worker = await startSweeping(topic);
    await eventually(async () => {
      const { rowCount } = await database.pool.query('select 1 from postdate.held where key = $1', [message.key]);
      expect(rowCount).toBe(0);
    });
    expect(rescued(worker)).toEqual([]);
    expect(await traces(database.pool, message.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  });
});

it('a backlog is landed as fast as its landings go, in one round', async () => {
  const rows = 1_200;
  await database.pool.query(
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, due_at)
     select 'acme', 'backlog-' || n, 'Doe', 'John', 1, 'EUR', now() - interval '1 hour' from generate_series(1, $1) as n`,
    [rows],
  );
  // The next round would come in an hour.
  const worker = await startSweeping(paymentRequestExpiry, { ...SWEEP, everyMs: 3_600_000 });
  await eventually(async () => {
    const { rowCount } = await database.pool.query(`select 1 from payments.payment_request where status = 'PENDING'`);
    expect(rowCount).toBe(0);
  });
  // No row was landed twice, although the sweep looked again while others were landing.
  expect(worker.reported.landed.reduce((sum, [, messages]) => sum + messages, 0)).toBe(rows);
  await eventually(async () => expect(rescued(worker)).toHaveLength(rows));
  // Nor is it written down as held any longer.
  await eventually(async () => {
    const { rowCount } = await database.pool.query('select 1 from postdate.held where topic = $1', [
      paymentRequestExpiry.name,
    ]);
    expect(rowCount).toBe(0);
  });
});

it('neighbour: a message that is due now lands before a slow backlog of overdue rows', async () => {
  const slow: Topic = {
    ...paymentRequestExpiry,
    landAll: undefined,
    async handle(tx, message) {
      // Twelve seconds for all of them: a busy machine takes some for the message beside them.
      await pause(60);
      return paymentRequestExpiry.handle(tx, message as never);
    },
  };
  const backlog = await Promise.all(Array.from({ length: 200 }, () => request(-60_000)));
  const worker = await startSweeping(slow);
  await eventually(async () => expect(rescued(worker).length).toBeGreaterThan(0));
  const ref = { tenant: 'globex', id: nanoid() };
  await insertRequest(
    database.pool,
    { ...ref, payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' },
    Date.now(),
  );
  expect(await worker.deliver(slow, messageOf(ref, 0))).toMatchObject({ outcome: 'delivered' });
  const waiting = 'select 1 from payments.payment_request where status = $1';
  expect((await database.pool.query(waiting, ['PENDING'])).rowCount).toBeGreaterThan(backlog.length / 4);
});

it('overdue rows are found by their due time, however many wait', async () => {
  await database.pool.query(
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, due_at)
     select 'acme', 'many-' || n, 'Doe', 'John', 1, 'EUR', now() + n * interval '1 minute' from generate_series(1, 20000) as n`,
  );
  await database.pool.query('analyze payments.payment_request');
  let plan = '';
  const explaining = {
    async query(text: string, values: unknown[]) {
      const { rows } = await database.pool.query(`explain ${text}`, values);
      plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      return { rows: [] };
    },
  } as unknown as Queryable;
  await findOverdueRows(explaining, paymentRequestExpiry as TopicWithRows, { graceMs: 10_000, limit: 500, except: [] });
  expect(plan).toMatch(/payment_request_waiting.*Index Cond: \(due_at </s);
});
