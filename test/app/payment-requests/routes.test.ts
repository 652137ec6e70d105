import { nanoid } from 'nanoid';
import { installation } from '../../../app/installation';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { rfc3339 } from '../../../src/message/due-time';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { useHttp } from '../../support/http';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const http = useHttp(temporal, database, installation);

const inMs = (ms: number) => rfc3339(Date.now() + ms);
const HOUR_MS = 3_600_000;
const newRequest = (expiresAt = inMs(HOUR_MS)) => ({
  ...{ tenant: 'acme', id: nanoid(), payer: 'Doe', payee: 'John', amount: '100.00', currency: 'EUR' },
  expiresAt,
});
type Request = ReturnType<typeof newRequest>;
const pathOf = ({ id }: Request) => `/v1/payment-requests/acme/${id}`;
const ask = (request: Request) => http.ask('POST', '/v1/payment-requests', { body: request });
const tooLate = (status: string) => ({ status: 409, body: { code: 'tooLate', is: status } });

it('a request is asked for once, found as it is, and expires when nobody pays', async () => {
  await temporal.withWorker(database, installation, async () => {
    const request = newRequest(inMs(2_000));
    const answer = await ask(request);
    expect(answer).toMatchObject({ status: 201, body: { result: 'requested' } });
    expect(answer.headers.get('location')).toBe(pathOf(request));
    expect(await ask(request)).toMatchObject({ status: 200, body: { result: 'exists' } });
    expect(await ask({ ...request, amount: '1000.00' })).toMatchObject({
      status: 409,
      body: { code: 'differs', field: 'amount' },
    });
    expect((await http.ask('GET', pathOf(request))).body).toEqual({ ...request, status: 'PENDING' });
    await eventually(async () =>
      expect((await http.ask('GET', pathOf(request))).body).toEqual({
        ...request,
        status: 'EXPIRED',
        closedAt: expect.any(String),
      }),
    );
    expect(await http.ask('POST', `${pathOf(request)}/pay`)).toMatchObject(tooLate('EXPIRED'));
    expect(await http.ask('PATCH', pathOf(request), { body: { expiresAt: inMs(HOUR_MS) } })).toMatchObject(
      tooLate('EXPIRED'),
    );
    expect(await http.ask('DELETE', pathOf(request))).toMatchObject(tooLate('EXPIRED'));
  });
});

it('one is extended, paid, and neither again; another is taken back', async () => {
  await temporal.withWorker(database, installation, async () => {
    const [paid, cancelled] = [newRequest(), newRequest()];
    for (const request of [paid, cancelled]) await ask(request);
    const expiresAt = inMs(2 * HOUR_MS);
    expect(await http.ask('PATCH', pathOf(paid), { body: { expiresAt } })).toMatchObject({
      status: 200,
      body: { result: 'extended' },
    });
    expect((await http.ask('GET', pathOf(paid))).body).toMatchObject({ status: 'PENDING', expiresAt });
    expect(await http.ask('POST', `${pathOf(paid)}/pay`)).toMatchObject({ status: 200, body: { result: 'paid' } });
    expect(await http.ask('POST', `${pathOf(paid)}/pay`)).toMatchObject(tooLate('PAID'));
    expect(await http.ask('DELETE', pathOf(cancelled))).toMatchObject({ status: 200, body: { result: 'cancelled' } });
    expect((await http.ask('GET', pathOf(cancelled))).body).toMatchObject({ status: 'CANCELLED' });
  });
});

it('what is not there is 404', async () => {
  const path = pathOf(newRequest());
  const notFound = { status: 404, body: { code: 'notFound' } };
  expect(await http.ask('GET', path)).toMatchObject(notFound);
  expect(await http.ask('DELETE', path)).toMatchObject(notFound);
  expect(await http.ask('POST', `${path}/pay`)).toMatchObject(notFound);
  expect(await http.ask('PATCH', path, { body: { expiresAt: inMs(HOUR_MS) } })).toMatchObject(notFound);
});
