import { type Client, WorkflowExecutionAlreadyStartedError, type WorkflowStartOptions } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { closeRequest, findRequest, insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { cancel, describe as describeMessage, list, schedule } from '../../src/client';
import { reconcile } from '../../src/maintenance/reconcile';
import { workflowIdOf } from '../../src/message/contract';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { hasRows, type TopicWithRows } from '../../src/topics/business-rows';
import { useDatabase } from '../support/database';
import { dispatchAll } from '../support/dispatching';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const database = useDatabase(paymentsSchema);
const temporal = useTemporal();
const topic = paymentRequestExpiry as TopicWithRows;
const HOUR_MS = 3_600_000;
const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
beforeAll(() => registerTopics(database.pool, [topic]));

afterEach(async () => {
  for await (const { workflowId } of list(temporal.client, { state: 'waiting' })) {
    await temporal.client.workflow.getHandle(workflowId).terminate();
  }
  await eventually(async () =>
    expect((await temporal.client.workflow.count(`ExecutionStatus = 'Running'`)).count).toBe(0),
  );
  await database.pool.query('delete from payments.payment_request');
});

const reconciled = (options = {}) =>
  reconcile({ pool: database.pool, client: temporal.client }, topic, { perSecond: 1_000, ...options });
const service = () => createPaymentRequests({ pool: database.pool });
const refOf = ({ id }: { id: string }) => ({ topic: topic.name, tenant: 'acme', key: id });
const stateOf = async (ref: { id: string }) => (await describeMessage(temporal.client, refOf(ref)))?.state;
const listed = (count: number) =>
  eventually(async () => {
    const found = [];
    for await (const run of list(temporal.client, { topic: topic.name, state: 'waiting' })) found.push(run);
    expect(found).toHaveLength(count);
  });

async function request(dueInMs = HOUR_MS) {
  const ref = { tenant: 'acme', id: nanoid() };
  await service().request({ ...ref, ...people }, Date.now() + dueInMs);
  await dispatchAll({ ...database, client: temporal.client }, [topic]);
  return ref;
}
async function rowAlone(dueInMs = HOUR_MS) {
  const ref = { tenant: 'acme', id: nanoid() };
  await insertRequest(database.pool, { ...ref, ...people }, Date.now() + dueInMs);
  return ref;
}

it('starts what rows wait for and Temporal does not have, with the due time and the cycle of the row', async () => {
  expect(hasRows(paymentRequestExpiry)).toBe(true);
  const [whole, lost, terminated] = [await request(), await rowAlone(), await request()];
  await temporal.client.workflow.getHandle(workflowIdOf(refOf(terminated))).terminate();
  const { started, ended } = await reconciled();
  expect(started.map(({ key }) => key).sort()).toEqual([lost.id, terminated.id].sort());
  expect(ended).toEqual([]);
  for (const ref of [whole, lost, terminated]) expect(await stateOf(ref)).toBe('waiting');
  const row = await findRequest(database.pool, lost);
  expect(await describeMessage(temporal.client, refOf(lost))).toMatchObject({
    cycle: 1,
    dueAt: row?.due_at.toISOString(),
  });
  // The second time there is nothing to do.
  expect(await reconciled()).toMatchObject({ started: [], ended: [] });
});

it('what is posted and not dispatched yet may be started by either, and is one message', async () => {
  const ref = { tenant: 'acme', id: nanoid() };
  await service().request({ ...ref, ...people }, Date.now() + HOUR_MS);
  expect((await reconciled()).started.map(({ key }) => key)).toEqual([ref.id]);
  await dispatchAll({ ...database, client: temporal.client }, [topic]);
  const { rows } = await database.pool.query('select answer from postdate.command where key = $1', [ref.id]);
  expect(rows).toMatchObject([{ answer: { result: 'kept' } }]);
  expect(await stateOf(ref)).toBe('waiting');
});

it('what it has started expires like any other', async () => {
  const ref = await rowAlone(1_500);
  await temporal.withWorker(database, installation, async () => {
    await reconciled();
    await eventually(async () => expect((await findRequest(database.pool, ref))?.status).toBe('EXPIRED'));
    await eventually(async () => expect(await stateOf(ref)).toBe('ended'));
  });
});

it('two at one time start each message once', async () => {
  const refs = await Promise.all(Array.from({ length: 20 }, () => rowAlone()));
  await Promise.all([reconciled(), reconciled()]);
  for (const ref of refs) expect(await stateOf(ref)).toBe('waiting');
});

it('what waits is not started again, though no list shows it', async () => {
  const ref = await rowAlone();
  // Without search attributes it is on no list of the topic, as one that was posted a moment ago.
  await temporal.client.workflow.start('scheduledMessage', {
    workflowId: workflowIdOf(refOf(ref)),
    taskQueue: 'nobody',
    args: [{ v: 1, ...refOf(ref), cycle: 1, dueAt: Date.now() + HOUR_MS, payload: {} }],
  });
  const lost = await rowAlone();
  expect((await reconciled()).started.map(({ key }) => key)).toEqual([lost.id]);
  // Or what ends them after each test would miss one.
  await eventually(async () =>
    expect((await temporal.client.workflow.count(`ExecutionStatus = 'Running'`)).count).toBe(2),
  );
});

it('what the ledger has decided is not started again, though its row waits still', async () => {
  const ref = await request();
  await temporal.withWorker(database, installation, async () => {
    expect(await cancel(temporal.client, refOf(ref))).toEqual({ result: 'cancelled' });
  });
  expect(await reconciled()).toMatchObject({ started: [], ended: [] });
});

it('ends a message whose row no longer waits, and only that one', async () => {
  const [paid, pending] = [await request(), await request()];
  await closeRequest(database.pool, paid, 'PAID');
  await listed(2);
  await temporal.withWorker(database, installation, async () => {
    expect((await reconciled()).ended).toEqual([refOf(paid)]);
    await eventually(async () => expect(await stateOf(paid)).toBe('ended'));
  });
  expect(await stateOf(pending)).toBe('waiting');
});

it('only says what it would do when told so', async () => {
  const [lost, paid] = [await rowAlone(), await request()];
  await closeRequest(database.pool, paid, 'PAID');
  await listed(1);
  const { started, ended } = await reconciled({ dryRun: true });
  expect([started, ended].map((refs) => refs.map(({ key }) => key))).toEqual([[lost.id], [paid.id]]);
  expect([await stateOf(lost), await stateOf(paid)]).toEqual([undefined, 'waiting']);
});

it('ends nobody when a tenth and more than ten seem to have no row, unless forced', async () => {
  const posts = Array.from({ length: 12 }, () => ({ id: nanoid() }));
  for (const { id: key } of posts) {
    const post = { topic, tenant: 'acme', key, cycle: 1, dueAt: Date.now() + HOUR_MS, payload: {} };
    await schedule(temporal.client, post);
  }
  await listed(12);
  expect(await reconciled({ dryRun: true })).toMatchObject({ ended: [], refused: { withoutRow: 12, waiting: 12 } });
  expect(await reconciled()).toMatchObject({ ended: [], refused: { withoutRow: 12, waiting: 12 } });
  await temporal.withWorker(database, installation, async () => {
    expect((await reconciled({ force: true })).ended).toHaveLength(12);
  });
});

it('a row with an id that no message can have is named, and stops nothing', async () => {
  await insertRequest(database.pool, { tenant: 'acme', id: `it's`, ...people }, Date.now() + HOUR_MS);
  const lost = await rowAlone();
  const { started, unusable } = await reconciled();
  expect(unusable.map(({ key }) => key)).toEqual([`it's`]);
  expect(started.map(({ key }) => key)).toEqual([lost.id]);
});

describe('a row that', () => {
  const YEAR_MS = 365 * 24 * HOUR_MS;
  const insert = (id: string, dueInMs = HOUR_MS) =>
    insertRequest(database.pool, { tenant: 'acme', id, ...people }, Date.now() + dueInMs);

  it('others change all the time is named, and the rows behind it are reconciled', async () => {
    const [overtaken, behind] = [`a-${nanoid()}`, `b-${nanoid()}`];
    await insert(overtaken);
    await insert(behind);
    const { client } = temporal;
    const rival = { topic: topic.name, tenant: 'acme', key: overtaken };
    // Each time that it is to be started, another caller has just started it, and it has ended again.
    const start = (type: string, options: WorkflowStartOptions) =>
      options.workflowId === workflowIdOf(rival)
        ? Promise.reject(new WorkflowExecutionAlreadyStartedError('is there', options.workflowId, type))
        : client.workflow.start(type, options);
    const workflow = Object.create(client.workflow, { start: { value: start } });
    const raced: Client = Object.create(client, { workflow: { value: workflow } });
    const options = { perSecond: 1_000 };
    const { started, overtaken: named } = await reconcile({ pool: database.pool, client: raced }, topic, options);
    expect(named).toEqual([rival]);
    expect(started.map(({ key }) => key)).toEqual([behind]);
    expect(await stateOf({ id: behind })).toBe('waiting');
    // Without the rival it is a row like any other.
    expect((await reconciled()).started.map(({ key }) => key)).toEqual([overtaken]);
  });

  it('no message can be made of is named, and the rows behind it are reconciled', async () => {
    const [far, behind] = [`a-${nanoid()}`, `b-${nanoid()}`];
    await insert(far, 50 * YEAR_MS);
    await insert(behind);
    const { started, unusable } = await reconciled();
    expect(unusable.map(({ key }) => key)).toEqual([far]);
    expect(started.map(({ key }) => key)).toEqual([behind]);
  });
});
