import { nanoid } from 'nanoid';
import { installation } from '../../../app/installation';
import { paymentRequestExpiry } from '../../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../../app/payment-requests/requests';
import { findRequest, type PaymentRequest } from '../../../app/payment-requests/rows';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { describe as describeMessage } from '../../../src/client';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { useDatabase } from '../../support/database';
import { dispatchAll } from '../../support/dispatching';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const HOUR_MS = 3_600_000;

const service = () => createPaymentRequests({ pool: database.pool });
beforeAll(() => registerTopics(database.pool, [paymentRequestExpiry]));
const newRequest = (): PaymentRequest => ({
  tenant: 'acme',
  id: nanoid(),
  payer: 'Doe',
  payee: 'John',
  amount: '100.00',
  currency: 'EUR',
});
const timerOf = ({ tenant, id }: PaymentRequest) =>
  describeMessage(temporal.client, { topic: paymentRequestExpiry.name, tenant, key: id });
const ended = (request: PaymentRequest, outcome: string) =>
  eventually(async () => expect((await timerOf(request))?.ending).toMatchObject({ outcome }));
const statusOf = async (request: PaymentRequest) => (await findRequest(database.pool, request))?.status;

it('a request that nobody pays expires; one that is paid or cancelled does not, and its timer ends', async () => {
  await temporal.withWorker(database, installation, async () => {
    const [unpaid, paid, cancelled] = [newRequest(), newRequest(), newRequest()];
    for (const request of [paid, cancelled]) {
      expect(await service().request(request, Date.now() + HOUR_MS)).toEqual({ result: 'requested' });
    }
    expect(await service().request(unpaid, Date.now() + 1_500)).toEqual({ result: 'requested' });
    expect(await service().pay(paid)).toEqual({ result: 'paid' });
    expect(await service().cancel(cancelled)).toEqual({ result: 'cancelled' });
    await ended(unpaid, 'delivered');
    await ended(paid, 'cancelled');
    await ended(cancelled, 'cancelled');
    expect(await Promise.all([unpaid, paid, cancelled].map(statusOf))).toEqual(['EXPIRED', 'PAID', 'CANCELLED']);
    expect(await service().pay(unpaid)).toEqual({ result: 'tooLate', status: 'EXPIRED' });
    expect(await service().extend(paid, Date.now() + HOUR_MS)).toEqual({ result: 'tooLate', status: 'PAID' });
    expect(await service().pay(newRequest())).toEqual({ result: 'notFound' });
  });
});

it('an extended request expires at its new time, in the cycle of its row', async () => {
  await temporal.withWorker(database, installation, async () => {
    const request = newRequest();
    await service().request(request, Date.now() + HOUR_MS);
    expect(await service().extend(request, Date.now() + 2 * HOUR_MS)).toEqual({ result: 'extended' });
    expect(await service().extend(request, Date.now() + 1_500)).toEqual({ result: 'extended' });
    await ended(request, 'delivered');
    const row = await findRequest(database.pool, request);
    expect(row).toMatchObject({ status: 'EXPIRED', cycle: 3 });
    expect(row?.closed_at?.getTime()).toBeGreaterThanOrEqual(row?.due_at.getTime() as number);
  });
});

it('row, event and message are there together or not at all, without a connection to Temporal', async () => {
  const request = newRequest();
  const traces = async () => {
    const { rows } = await database.pool.query(
      `select (select count(*) from payments.payment_request where id = $1)::int as rows,
              (select count(*) from postdate.outbox where aggregateid = 'acme/' || $1)::int as events,
              (select count(*) from postdate.command where key = $1)::int as commands`,
      [request.id],
    );
    return rows[0];
  };
  // Whatever comes last in the transaction fails.
  await database.pool.query('alter table postdate.command add constraint broken check (false) not valid');
  await expect(service().request(request, Date.now() + HOUR_MS)).rejects.toThrow('broken');
  await database.pool.query('alter table postdate.command drop constraint broken');
  expect(await traces()).toEqual({ rows: 0, events: 0, commands: 0 });

  const expiresAt = Date.now() + HOUR_MS;
  expect(await service().request(request, expiresAt)).toEqual({ result: 'requested' });
  expect(await service().request(request, expiresAt)).toEqual({ result: 'exists' });
  expect(await traces()).toEqual({ rows: 1, events: 1, commands: 1 });
  expect(await timerOf(request)).toBeUndefined();
  await dispatchAll({ ...database, client: temporal.client }, installation.topics);
  expect(await timerOf(request)).toMatchObject({ state: 'waiting', cycle: 1 });
});

it('a request whose id was used for another one is told in which field, and changes nothing', async () => {
  const request = { ...newRequest(), amount: '100.50' };
  const expiresAt = Date.now() + HOUR_MS;
  await service().request(request, expiresAt);
  const again = (fields: object, due = expiresAt) => service().request({ ...request, ...fields }, due);
  expect(await again({ amount: '1000.50' })).toEqual({ result: 'differs', field: 'amount' });
  expect(await again({ amount: '10050' })).toEqual({ result: 'differs', field: 'amount' });
  expect(await again({ payer: 'Roe' })).toEqual({ result: 'differs', field: 'payer' });
  expect(await again({ payee: 'Roe' })).toEqual({ result: 'differs', field: 'payee' });
  expect(await again({ currency: 'SEK' })).toEqual({ result: 'differs', field: 'currency' });
  expect(await again({}, expiresAt + 1)).toEqual({ result: 'differs', field: 'expiresAt' });
  // The control: the same, however its amount is written; also once it has another due time.
  expect(await again({ amount: '100.5' })).toEqual({ result: 'exists' });
  await service().extend(request, expiresAt + HOUR_MS);
  expect(await again({})).toEqual({ result: 'exists' });
  expect(await findRequest(database.pool, request)).toMatchObject({ ...request, cycle: 2 });
});

it('a request that is wrong is refused by field, and neither row nor timer is there', async () => {
  for (const [fields, field] of [
    [{ amount: '-1' }, 'amount'],
    [{ amount: '1.005' }, 'amount'],
    [{ amount: '0.00' }, 'amount'],
    [{ currency: 'euro' }, 'currency'],
    [{ payer: '' }, 'payer'],
    [{ payee: 'Jo\0hn' }, 'payee'],
    [{ id: 'a b' }, 'key'],
  ] as const) {
    const request = { ...newRequest(), ...fields };
    await expect(service().request(request, Date.now() + HOUR_MS)).rejects.toMatchObject({
      name: 'MessageError',
      field,
    });
    expect(await statusOf(request)).toBeUndefined();
  }
  const request = newRequest();
  await expect(service().request(request, 'tomorrow')).rejects.toMatchObject({ field: 'dueAt' });
  expect(await statusOf(request)).toBeUndefined();
});
