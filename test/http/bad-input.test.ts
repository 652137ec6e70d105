import { createConnection } from 'node:net';
import { nanoid } from 'nanoid';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { describe as describeMessage } from '../../src/client';
import { rfc3339 } from '../../src/message/due-time';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';
import { type Asked, useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const topics = [
  ...installation.topics,
  effectTopic(),
  { ...effectTopic(), name: 'test.rows', businessRows: 'select 1' },
];
const http = useHttp(temporal, database, { ...installation, topics });

const HOUR_MS = 3_600_000;
const inAnHour = rfc3339(Date.now() + HOUR_MS);
const post = (fields = {}) => ({
  topic: 'test.effect',
  tenant: 'acme',
  key: nanoid(),
  dueAt: inAnHour,
  payload: { note: 'n' },
  ...fields,
});
const raw = (text: string) => ({ raw: text });
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

/** The text of a post with this text of a payload. */
const withPayload = (payload: string) =>
  JSON.stringify(post({ payload: 0 })).replace('"payload":0', `"payload":${payload}`);

async function stored(): Promise<number> {
  const { rows } = await database.pool.query(
    `select (select count(*) from postdate.idempotency) + (select count(*) from payments.payment_request)
          + (select count(*) from postdate.outbox) as n`,
  );
  return Number(rows[0].n);
}

describe('a post is refused by code and field, and nothing is stored', () => {
  it.each<[string, Asked, number, string, string]>([
    ['a topic that is not installed', { body: post({ topic: 'other' }) }, 400, 'unknownTopic', 'topic'],
    ['a topic that is a number', { body: post({ topic: 7 }) }, 400, 'invalidTopic', 'topic'],
    ['a tenant with a colon', { body: post({ tenant: 'a:b' }) }, 400, 'invalidTenant', 'tenant'],
    ['an empty tenant', { body: post({ tenant: '' }) }, 400, 'invalidTenant', 'tenant'],
    ['no tenant', { body: post({ tenant: undefined }) }, 400, 'invalidTenant', 'tenant'],
    ['a key with a space', { body: post({ key: 'a b' }) }, 400, 'invalidKey', 'key'],
    ['a key that is a number', { body: post({ key: 7 }) }, 400, 'invalidKey', 'key'],
    ['an id over 255 bytes', { body: post({ key: 'k'.repeat(240) }) }, 400, 'idTooLong', 'key'],
    ['a cycle of zero', { body: post({ cycle: 0 }) }, 400, 'invalidCycle', 'cycle'],
    ['a cycle beyond integers', { body: post({ cycle: 2 ** 31 }) }, 400, 'invalidCycle', 'cycle'],
    ['a payload of another shape', { body: post({ payload: { note: 7 } }) }, 400, 'invalidPayload', 'payload'],
    ['no payload', { body: post({ payload: undefined }) }, 400, 'invalidPayload', 'payload'],
    [
      'a payload over 16 KB',
      { body: post({ payload: { note: 'é'.repeat(8_192) } }) },
      400,
      'payloadTooLarge',
      'payload',
    ],
    ['no due time', { body: post({ dueAt: undefined }) }, 400, 'invalidDueAt', 'dueAt'],
    ['a due time in epoch ms', { body: post({ dueAt: Date.now() }) }, 400, 'invalidDueAt', 'dueAt'],
    ['a due time in words', { body: post({ dueAt: 'next friday' }) }, 400, 'invalidDueAt', 'dueAt'],
    ['a due time without offset', { body: post({ dueAt: '2027-01-01T00:00:00' }) }, 400, 'invalidDueAt', 'dueAt'],
    ['30 February', { body: post({ dueAt: '2027-02-30T00:00:00Z' }) }, 400, 'invalidDueAt', 'dueAt'],
    ['24:00', { body: post({ dueAt: '2027-01-01T24:00:00Z' }) }, 400, 'invalidDueAt', 'dueAt'],
    ['a due time over 20 years ahead', { body: post({ dueAt: '2099-01-01T00:00:00Z' }) }, 400, 'dueAtTooFar', 'dueAt'],
    ['a due time in 1970', { body: post({ dueAt: '1970-01-21T18:54:03Z' }) }, 400, 'dueAtTooEarly', 'dueAt'],
    ['a cycle without room', { body: post({ cycle: 2_147_483_647 }) }, 400, 'invalidCycle', 'cycle'],
    ['a 61st minute', { body: post({ repeat: { cron: '61 * * * *' } }) }, 400, 'invalidRepeat', 'repeat.cron'],
    [
      'a zone that is nowhere',
      { body: post({ repeat: { every: 'P1D', zone: 'Mars/X' } }) },
      400,
      'invalidRepeat',
      'repeat.zone',
    ],
    ['a repeat that is a word', { body: post({ repeat: 'daily' }) }, 400, 'invalidRepeat', 'repeat'],
    [
      'a repeat of both kinds',
      { body: post({ repeat: { every: 'P1D', cron: '* * * * *' } }) },
      400,
      'invalidRepeat',
      'repeat',
    ],
    ['a limit before the due time', { body: post({ staleAfterMs: -1 }) }, 400, 'invalidStaleAfter', 'staleAfterMs'],
    ['another onConflict', { body: post({ onConflict: 'fight' }) }, 400, 'invalidField', 'onConflict'],
    ['a field that is none', { body: post({ leadMs: 7 }) }, 400, 'unknownField', 'leadMs'],
    ['a field that is none in repeat', { body: post({ repeat: { at: 7 } }) }, 400, 'unknownField', 'repeat.at'],
    ['rows and no cycle', { body: post({ topic: 'test.rows' }) }, 400, 'invalidCycle', 'cycle'],
    [
      'rows and a repeat',
      { body: post({ topic: 'test.rows', cycle: 1, repeat: { every: 'P1D' } }) },
      400,
      'invalidRepeat',
      'repeat',
    ],
    ['an array', { body: [] }, 400, 'invalidBody', 'body'],
    ['null', { body: null }, 400, 'invalidBody', 'body'],
    ['no body', {}, 400, 'invalidBody', 'body'],
    ['half an object', raw('{"topic":"test.effect"'), 400, 'malformedJson', 'undefined'],
    ['bytes that are no UTF-8', { raw: Uint8Array.of(0x22, 0xff, 0x22) }, 400, 'malformedJson', 'undefined'],
    ['UTF-16', { raw: Uint8Array.from(Buffer.from('{"a":1}', 'utf16le')) }, 400, 'malformedJson', 'undefined'],
    ['a name twice', raw('{"topic":"a","topic":"b"}'), 400, 'duplicateName', 'topic'],
    [
      'a name twice, written otherwise',
      raw(withPayload('{"note":"a","\\u006eote":"b"}')),
      400,
      'duplicateName',
      'payload.note',
    ],
    [
      '__proto__',
      raw(withPayload('{"note":"n","__proto__":{"admin":true}}')),
      400,
      'forbiddenName',
      'payload.__proto__',
    ],
    ['__proto__, escaped', raw(withPayload('[{"\\u005f_proto__":1}]')), 400, 'forbiddenName', 'payload.0.__proto__'],
    ['constructor', raw(withPayload('{"constructor":{"prototype":{}}}')), 400, 'forbiddenName', 'payload.constructor'],
    ['NUL', raw(withPayload('{"note":"a\\u0000b"}')), 400, 'unstorableText', 'payload.note'],
    ['a lone surrogate', raw(withPayload('["x",{"note":"\\ud800"}]')), 400, 'unstorableText', 'payload.1.note'],
    ['a name that is a lone surrogate', raw(withPayload('{"\\udfff":1}')), 400, 'unstorableText', 'payload.\ufffd'],
    ['a number beyond doubles', raw(withPayload('{"note":1e400}')), 400, 'unsafeNumber', 'payload.note'],
    [
      'a number that a double rounds',
      raw(withPayload('{"note":0.12345678901234567890}')),
      400,
      'unsafeNumber',
      'payload.note',
    ],
    ['a negative zero', raw(withPayload('{"note":-0.0}')), 400, 'unsafeNumber', 'payload.note'],
    ['an integer beyond 2^53', raw(withPayload('{"note":9007199254740993}')), 400, 'unsafeNumber', 'payload.note'],
    ['deep nesting', raw(withPayload(nested(40))), 400, 'bodyTooDeep', 'payload.a.a.a.a.a.a.a'],
    ['60,000 open brackets', raw(`${'['.repeat(30_000)}${']'.repeat(30_000)}`), 400, 'bodyTooDeep', '0.0.0.0.0.0.0.0'],
    ['a body of 1 MB', { body: post({ payload: { note: 'x'.repeat(1_000_000) } }) }, 413, 'bodyTooLarge', 'undefined'],
    ['XML', { raw: '<a/>', headers: { 'content-type': 'text/xml' } }, 415, 'unsupportedMediaType', 'undefined'],
    ['plain text', { raw: 'a', headers: { 'content-type': 'text/plain' } }, 415, 'unsupportedMediaType', 'undefined'],
    [
      'a form',
      { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupportedMediaType',
      'undefined',
    ],
    [
      'an Idempotency-Key with a space',
      { body: post(), headers: { 'Idempotency-Key': 'a b' } },
      400,
      'invalidIdempotencyKey',
      'Idempotency-Key',
    ],
    [
      'an Idempotency-Key of 256',
      { body: post(), headers: { 'Idempotency-Key': 'k'.repeat(256) } },
      400,
      'invalidIdempotencyKey',
      'Idempotency-Key',
    ],
  ])('%s', async (_what, asked, status, code, field) => {
    const before = await stored();
    // One with a header that is itself good, to see that it leaves nothing either.
    const headers = { 'Idempotency-Key': nanoid(), ...asked.headers };
    const answer = await http.ask('POST', '/v1/messages', { ...asked, headers });
    expect(answer).toMatchObject({
      status,
      body: { status, code, title: expect.any(String), detail: expect.any(String) },
    });
    expect(String(answer.body.field)).toBe(field);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await stored()).toBe(before);
    const key = (asked.body as { key?: unknown } | undefined)?.key;
    if (typeof key === 'string' && /^[\w-]+$/.test(key) && key.length < 100) {
      const ref = { topic: 'test.effect', tenant: 'acme', key };
      expect(await describeMessage(temporal.client, ref)).toBeUndefined();
    }
  });
});

it.each<[string, string, string, Asked, string, string]>([
  [
    'a move in words',
    'PATCH',
    '/v1/messages/test.effect/acme/k',
    { body: { dueAt: '12:00' } },
    'invalidDueAt',
    'dueAt',
  ],
  ['a move to nowhere', 'PATCH', '/v1/messages/test.effect/acme/k', { body: {} }, 'invalidDueAt', 'dueAt'],
  [
    'a move to 2099',
    'PATCH',
    '/v1/messages/test.effect/acme/k',
    { body: { dueAt: '2099-01-01T00:00:00Z' } },
    'dueAtTooFar',
    'dueAt',
  ],
  [
    'a move to 1970',
    'PATCH',
    '/v1/messages/test.effect/acme/k',
    { body: { dueAt: '1970-01-21T18:54:03Z' } },
    'dueAtTooEarly',
    'dueAt',
  ],
  [
    'a move of cycle 0',
    'PATCH',
    '/v1/messages/test.effect/acme/k',
    { body: { dueAt: inAnHour, expectedCycle: 0 } },
    'invalidCycle',
    'expectedCycle',
  ],
  ['a key with a quote', 'DELETE', "/v1/messages/test.effect/acme/a'b", {}, 'invalidKey', 'key'],
  ['a key with a NUL', 'GET', '/v1/messages/test.effect/acme/a%00b', {}, 'invalidKey', 'key'],
  ['a key of 300', 'GET', `/v1/messages/test.effect/acme/${'k'.repeat(300)}`, {}, 'invalidKey', 'key'],
  ['an id over 255 bytes', 'GET', `/v1/messages/test.effect/acme/${'k'.repeat(250)}`, {}, 'idTooLong', 'key'],
  ['a path that is no UTF-8', 'GET', '/v1/messages/test.effect/acme/%ff', {}, 'badRequest', 'undefined'],
  ['a reason of two lines', 'DELETE', '/v1/messages/test.effect/acme/k?reason=a%0Ab', {}, 'invalidField', 'reason'],
  ['a limit of 201', 'GET', '/v1/messages?limit=201', {}, 'invalidField', 'limit'],
  ['a limit in words', 'GET', '/v1/messages?limit=all', {}, 'invalidField', 'limit'],
  ['a state that is none', 'GET', '/v1/messages?state=held', {}, 'invalidField', 'state'],
  ['two topics', 'GET', '/v1/messages?topic=a&topic=b', {}, 'invalidTopic', 'topic'],
  ['a topic with a quote', 'GET', "/v1/messages?topic=a'%20or%20'1", {}, 'invalidTopic', 'topic'],
  ['a due range in words', 'GET', '/v1/messages?dueFrom=now', {}, 'invalidDueAt', 'dueFrom'],
  ['a parameter that is none', 'GET', '/v1/messages?order=key', {}, 'unknownField', 'order'],
  ['__proto__ as a parameter', 'GET', '/v1/messages?__proto__=1', {}, 'unknownField', '__proto__'],
  ['a batch of none', 'POST', '/v1/messages:batch', { body: { messages: [] } }, 'invalidField', 'messages'],
  [
    'a batch of 1,001',
    'POST',
    '/v1/messages:batch',
    { body: { messages: Array.from({ length: 1_001 }, () => 1) } },
    'invalidField',
    'messages',
  ],
])('%s is refused', async (_what, method, path, asked, code, field) => {
  const answer = await http.ask(method, path, asked);
  expect(answer).toMatchObject({ status: 400, body: { code, status: 400 } });
  expect(String(answer.body.field)).toBe(field);
});

it.each([
  [{ amount: '-1' }, 'invalidPayload', 'amount'],
  [{ amount: '1.005' }, 'invalidPayload', 'amount'],
  [{ amount: 1 }, 'invalidPayload', 'amount'],
  [{ currency: 'euro' }, 'invalidPayload', 'currency'],
  [{ payer: '' }, 'invalidPayload', 'payer'],
  [{ payee: 'Jo\0hn' }, 'unstorableText', 'payee'],
  [{ id: 'a b' }, 'invalidKey', 'id'],
  [{ id: 'i'.repeat(240) }, 'idTooLong', 'id'],
  [{ expiresAt: 'tomorrow' }, 'invalidDueAt', 'expiresAt'],
  [{ expiresAt: '0000-06-01T00:00:00Z' }, 'invalidDueAt', 'expiresAt'],
  [{ expiresAt: '2099-01-01T00:00:00Z' }, 'dueAtTooFar', 'expiresAt'],
  [{ status: 'PAID' }, 'unknownField', 'status'],
])('a payment request with %p is refused', async (fields, code, field) => {
  const before = await stored();
  const good = {
    tenant: 'acme',
    id: nanoid(),
    payer: 'D',
    payee: 'J',
    amount: '1.00',
    currency: 'EUR',
    expiresAt: inAnHour,
  };
  const answer = await http.ask('POST', '/v1/payment-requests', { body: { ...good, ...fields } });
  expect(answer).toMatchObject({ status: 400, body: { code, field, status: 400 } });
  expect(await stored()).toBe(before);
});

it('good input is let in to the last byte and level (the control)', async () => {
  const note = 'x'.repeat(16 * 1024 - '{"note":""}'.length);
  expect(await http.ask('POST', '/v1/messages', { body: post({ payload: { note } }) })).toMatchObject({ status: 201 });
  const deep = withPayload(`{"note":"n","deep":${nested(30)}}`);
  expect(await http.ask('POST', '/v1/messages', { raw: deep })).toMatchObject({ status: 201 });
  expect(await http.ask('POST', '/v1/messages', { raw: `\ufeff${JSON.stringify(post())}` })).toMatchObject({
    status: 201,
  });
  const key = `k-${nanoid()}`.padEnd(255 - 'postdate:test.effect:acme:'.length, 'k');
  expect(await http.ask('POST', '/v1/messages', { body: post({ key }) })).toMatchObject({ status: 201 });
  expect(await http.ask('GET', `/v1/messages/test.effect/acme/${key}`)).toMatchObject({ status: 200 });
  const dueAt = '2027-06-01T12:00:00.123456789+05:30';
  const charset = { 'content-type': 'application/json; charset=utf-8' };
  expect(
    await http.ask('POST', '/v1/messages', { body: post({ dueAt, payload: { note: '😀' } }), headers: charset }),
  ).toMatchObject({ status: 201 });
});

it.each([
  ['no HTTP at all', 'hello\r\n\r\n', 400, 'badRequest'],
  [
    'a path that cannot be decoded',
    'GET /v1/messages/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    400,
    'badRequest',
  ],
  ['headers of 1 MB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(1_000_000)}\r\n\r\n`, 431, 'headersTooLarge'],
  [
    'two lengths',
    'POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    400,
    'badRequest',
  ],
])('%s is answered with a problem, and the server goes on', async (_what, bytes, status, code) => {
  const [host, port] = http.address.split(':');
  const answer = await new Promise<string>((resolve) => {
    const socket = createConnection(Number(port), host, () => socket.write(bytes));
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    // A server that answers before it has read everything may also break the connection.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });
  const [head, body] = answer.split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head?.toLowerCase()).toContain('content-type: application/problem+json');
  expect(JSON.parse(body as string)).toMatchObject({ status, code });
  expect(await http.ask('GET', '/healthz')).toMatchObject({ status: 200 });
});

it('an upload that its client breaks off is logged as no fault of ours; the next request is answered', async () => {
  const [host, port] = http.address.split(':');
  const before = http.errors.length;
  for (let uploads = 0; uploads < 5; uploads += 1) {
    await new Promise<void>((resolve) => {
      const head = `POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${http.keys.acme}\r\n`;
      const socket = createConnection(Number(port), host, () =>
        socket.write(
          `${head}Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"topic"`,
        ),
      );
      // The server waits for the body by now.
      socket.once('data', () => socket.destroy());
      socket.once('close', () => resolve());
    });
    expect(await http.ask('GET', '/v1/messages')).toMatchObject({ status: 200 });
  }
  expect(http.errors.slice(before)).toEqual([]);
});
