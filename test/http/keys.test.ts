import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { callerOf, createApiKey, isSecret, revokeApiKey } from '../../src/http/keys';
import { createRateLimit } from '../../src/http/limits';
import { rfc3339 } from '../../src/message/due-time';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const http = useHttp(
  temporal,
  database,
  { ...installation, topics: [...installation.topics, effectTopic()] },
  { POSTDATE_HTTP_REQUESTS_PER_SECOND: '50' },
);
const dueAt = rfc3339(Date.now() + 3_600_000);
const post = (tenant: string) => ({ topic: 'test.effect', tenant, key: nanoid(), dueAt, payload: { note: 'n' } });
const newKey = (tenant: string) => createApiKey(database.pool, { tenant, label: 'test' });

const unauthorized = { status: 401, body: { code: 'unauthorized', status: 401 } };

it('without a key, with a wrong or a revoked one, every operation is 401 before its body is read', async () => {
  const revoked = await newKey('acme');
  expect(await http.ask('GET', '/v1/messages', { key: revoked.key })).toMatchObject({ status: 200 });
  expect(await revokeApiKey(database.pool, revoked.id)).toBe(true);
  expect(await revokeApiKey(database.pool, revoked.id)).toBe(false);
  const { key } = await newKey('acme');
  const lastChanged = `${key.slice(0, -1)}${key.endsWith('A') ? 'E' : 'A'}`;
  for (const wrong of [null, revoked.key, lastChanged, 'pd_0000000000000000_x', '\u00e9', key.slice(0, 20)]) {
    const answer = await http.ask('POST', '/v1/messages', { key: wrong, raw: '{'.repeat(100_000) });
    expect(answer).toMatchObject(unauthorized);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  }
  for (const [method, path] of [
    ['GET', '/v1/messages'],
    ['GET', '/v1/messages/t/acme/k'],
    ['PATCH', '/v1/messages/t/acme/k'],
    ['DELETE', '/v1/messages/t/acme/k'],
    ['POST', '/v1/messages:batch'],
    ['POST', '/v1/payment-requests'],
    ['GET', '/v1/payment-requests/acme/k'],
    ['PATCH', '/v1/payment-requests/acme/k'],
    ['POST', '/v1/payment-requests/acme/k/pay'],
    ['DELETE', '/v1/payment-requests/acme/k'],
  ] as const) {
    expect(await http.ask(method, path, { key: null })).toMatchObject(unauthorized);
  }
  const authorization = `Basic ${Buffer.from(`user:${key}`).toString('base64')}`;
  expect(await http.ask('GET', '/v1/messages', { key: null, headers: { authorization } })).toMatchObject(unauthorized);
});

it("another tenant's message is not there, whatever is done to it; an operator's key sees all", async () => {
  const message = post('acme');
  const path = `/v1/messages/test.effect/acme/${message.key}`;
  expect(await http.ask('POST', '/v1/messages', { body: message })).toMatchObject({ status: 201 });
  const request = { tenant: 'acme', id: nanoid(), payer: 'D', payee: 'J', amount: '1.00', currency: 'EUR' };
  const requestPath = `/v1/payment-requests/acme/${request.id}`;
  const asked = await http.ask('POST', '/v1/payment-requests', { body: { ...request, expiresAt: dueAt } });
  expect(asked).toMatchObject({ status: 201 });
  const { globex, operator } = http.keys;
  for (const [method, at, body] of [
    ['GET', path],
    ['PATCH', path, { dueAt }],
    ['DELETE', path],
    ['POST', '/v1/messages', { ...message, onConflict: 'move' }],
    ['GET', '/v1/messages?tenant=acme'],
    ['POST', '/v1/payment-requests', { ...request, id: nanoid(), expiresAt: dueAt }],
    ['GET', requestPath],
    ['PATCH', requestPath, { expiresAt: dueAt }],
    ['POST', `${requestPath}/pay`],
    ['DELETE', requestPath],
  ] as const) {
    expect(await http.ask(method, at, { key: globex, body })).toMatchObject({
      status: 404,
      body: { code: 'notFound' },
    });
  }
  const batch = { messages: [post('globex'), message] };
  expect((await http.ask('POST', '/v1/messages:batch', { key: globex, body: batch })).body.answers).toMatchObject([
    { status: 201 },
    { status: 404 },
  ]);
  expect((await http.ask('GET', path)).body).toMatchObject({ state: 'waiting', cycle: 1 });
  expect((await http.ask('GET', requestPath)).body).toMatchObject({ status: 'PENDING' });
  expect(await http.ask('GET', path, { key: operator })).toMatchObject({ status: 200 });
  expect(await http.ask('GET', requestPath, { key: operator })).toMatchObject({ status: 200 });
});

it("a list is of the key's tenant only, unless an operator asks", async () => {
  for (const tenant of ['acme', 'globex']) {
    expect(await http.ask('POST', '/v1/messages', { key: http.keys.operator, body: post(tenant) })).toMatchObject({
      status: 201,
    });
  }
  const tenantsOf = async (key: string) => {
    const { body } = await http.ask('GET', '/v1/messages?limit=200', { key });
    return [...new Set(body.messages.map((message: { tenant: string }) => message.tenant))].sort();
  };
  await eventually(async () => expect(await tenantsOf(http.keys.operator)).toEqual(['acme', 'globex']));
  expect(await tenantsOf(http.keys.globex)).toEqual(['globex']);
  expect(await tenantsOf(http.keys.acme)).toEqual(['acme']);
});

it('the database has a hash and not the key, which is compared as a whole', async () => {
  const { id, key } = await newKey('acme');
  const secret = key.split('_').slice(2).join('_');
  const { rows } = await database.pool.query(
    'select k.sha256, k::text as whole from postdate.api_key k where id = $1',
    [id],
  );
  expect(rows[0].whole).not.toContain(secret);
  expect(isSecret(secret, rows[0].sha256)).toBe(true);
  expect(isSecret(`${secret}x`, rows[0].sha256)).toBe(false);
  expect(isSecret('', Buffer.alloc(32))).toBe(false);
  expect(await callerOf(database.pool, key)).toEqual({ keyId: id, tenant: 'acme' });
});

it('a key is not made for what is no tenant, nor without a label', async () => {
  await expect(newKey('a b')).rejects.toMatchObject({ code: 'invalidTenant', field: 'tenant' });
  const unlabelled = createApiKey(database.pool, { tenant: 'acme', label: '' });
  await expect(unlabelled).rejects.toMatchObject({ code: 'invalidLabel', field: 'label' });
});

it('who asks more often than allowed is told when to come again; others are not held up', async () => {
  const { key } = await newKey('acme');
  const ask = (whose: string) => http.ask('GET', '/v1/payment-requests/acme/none', { key: whose });
  // A batch costs its messages, whatever they are: at 50 a second this key has spent the next 18 seconds.
  const body = { messages: Array.from({ length: 1_000 }, () => 'none') };
  expect(await http.ask('POST', '/v1/messages:batch', { key, body })).toMatchObject({ status: 200 });
  const refused = await ask(key);
  expect(refused).toMatchObject({ status: 429, body: { code: 'tooManyRequests', status: 429 } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await ask((await newKey('acme')).key)).toMatchObject({ status: 404 });
});

it('batches at once are charged before they are worked on: what a key cannot pay is refused', async () => {
  const { key } = await newKey('acme');
  const body = { messages: Array.from({ length: 60 }, () => 'none') };
  const batch = () => http.ask('POST', '/v1/messages:batch', { key, body });
  const statuses = (await Promise.all(Array.from({ length: 20 }, batch))).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  // Two, and one for each second that it took.
  expect(statuses.filter((status) => status === 200).length).toBeLessThan(10);
});

it('a large body costs a token for each 64 KB, whatever is in it, before it is read', async () => {
  const { key } = await newKey('acme');
  const batch = () => http.ask('POST', '/v1/messages:batch', { key, raw: '{'.repeat(4_000_000) });
  const statuses = (await Promise.all(Array.from({ length: 8 }, batch))).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([400, 429]));
  const small = async () =>
    (await http.ask('POST', '/v1/messages', { key: (await newKey('acme')).key, raw: '{' })).status;
  // Of small ones as many are let in as the key has tokens (the control).
  expect(new Set(await Promise.all(Array.from({ length: 8 }, small)))).toEqual(new Set([400]));
});

it('what is given back to a bucket can be spent again, and makes it no larger', () => {
  const rate = createRateLimit(1, { nowMs: () => 0 });
  rate.take('a', 2);
  expect(rate.take('a', 1)).toEqual({ retryAfterSeconds: 1 });
  rate.giveBack('a', 1);
  expect(rate.take('a', 1)).toBeUndefined();
  for (let time = 0; time < 9; time += 1) rate.giveBack('a', 1);
  for (let time = 0; time < 2; time += 1) expect(rate.take('a', 1)).toBeUndefined();
  expect(rate.take('a', 1)).toEqual({ retryAfterSeconds: 1 });
});

it('a bucket holds two seconds of tokens, fills while nobody asks, and lets one in that costs more than it holds', () => {
  let now = 0;
  const rate = createRateLimit(10, { nowMs: () => now });
  for (let time = 0; time < 20; time += 1) expect(rate.take('a', 1)).toBeUndefined();
  expect(rate.take('a', 1)).toEqual({ retryAfterSeconds: 1 });
  expect(rate.take('b', 1)).toBeUndefined();
  now += 100;
  expect(rate.take('a', 31)).toBeUndefined();
  expect(rate.take('a', 1)).toEqual({ retryAfterSeconds: 4 });
  now += 3_100;
  expect(rate.take('a', 1)).toBeUndefined();
  now += 1e9;
  for (let time = 0; time < 20; time += 1) expect(rate.take('a', 1)).toBeUndefined();
  expect(rate.take('a', 1)).toEqual({ retryAfterSeconds: 1 });
});
