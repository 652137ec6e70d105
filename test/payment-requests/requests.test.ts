import { Client, Connection } from '@temporalio/client';
import { nanoid } from 'nanoid';
import { freePort } from '../../local/ports';
import { describe as describeMessage } from '../../src/client';
import { installation } from '../../src/installation';
import { paymentRequestExpiry } from '../../src/payment-requests/expiry';
import { createPaymentRequests } from '../../src/payment-requests/requests';
import { findRequest, type PaymentRequest } from '../../src/payment-requests/rows';
import { paymentsSchema } from '../../src/payment-requests/schema';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const HOUR_MS = 3_600_000;

const service = () => createPaymentRequests({ pool: database.pool, client: temporal.client });
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
    const expiresAt = Date.now() + 3_000;
    for (const request of [unpaid, paid, cancelled]) {
      expect(await service().request(request, expiresAt)).toEqual({ result: 'requested' });
    }
    expect(await service().pay(paid)).toEqual({ result: 'paid', timer: 'cancelled' });
    expect(await service().cancel(cancelled)).toEqual({ result: 'cancelled', timer: 'cancelled' });
    await ended(unpaid, 'delivered');
    await ended(paid, 'cancelled');
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
    expect(await service().extend(request, Date.now() + 2 * HOUR_MS)).toEqual({ result: 'extended', timer: 'moved' });
    expect(await service().extend(request, Date.now() + 1_500)).toEqual({ result: 'extended', timer: 'moved' });
    await ended(request, 'delivered');
    const row = await findRequest(database.pool, request);
    expect(row).toMatchObject({ status: 'EXPIRED', cycle: 3 });
    expect(row?.closed_at?.getTime()).toBeGreaterThanOrEqual(row?.due_at.getTime() as number);
  });
});

it('a request whose timer could not be started is healed by calling again', async () => {
  const connection = Connection.lazy({ address: `127.0.0.1:${await freePort()}` });
  try {
    const severed = createPaymentRequests({ pool: database.pool, client: new Client({ connection }) });
    const request = newRequest();
    await expect(severed.request(request, Date.now() + HOUR_MS)).rejects.toThrow();
    expect(await statusOf(request)).toBe('PENDING');
    expect(await timerOf(request)).toBeUndefined();
    expect(await service().request(request, Date.now() + HOUR_MS)).toEqual({ result: 'exists' });
    expect(await timerOf(request)).toMatchObject({ state: 'waiting' });
  } finally {
    await connection.close();
  }
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
