import fastify from 'fastify';
import type { Pool } from 'pg';
import { installation } from '../../app/installation';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { networkOf } from '../../src/http/address';
import { createAuthenticate } from '../../src/http/authenticate';
import { addHealth } from '../../src/http/health';
import { createApiKey, revokeApiKey } from '../../src/http/keys';
import { createRateLimit } from '../../src/http/limits';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';
import { useHttp } from '../support/http';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
const UNAUTHORIZED_PER_SECOND = 1;
const limited = { POSTDATE_HTTP_UNAUTHORIZED_PER_SECOND: String(UNAUTHORIZED_PER_SECOND) };
const behindProxy = useHttp(temporal, database, installation, {
  ...limited,
  POSTDATE_HTTP_TRUSTED_PROXIES: 'loopback, 10.0.0.0/8',
});
const alone = useHttp(temporal, database, installation, limited);

// An address that nobody else has, for each test.
let addresses = 0;
function newAddress(): string {
  addresses += 1;
  return `198.51.100.${addresses}`;
}
const ask = (http: typeof alone, key: string | null, forwardedFor: string) =>
  http.ask('GET', '/v1/payment-requests/acme/none', { key, headers: { 'X-Forwarded-For': forwardedFor } });
const newKey = () => createApiKey(database.pool, { tenant: 'acme', label: 'test' });
const known = { status: 404 };
const unauthorized = { status: 401, body: expect.objectContaining({ code: 'unauthorized' }) };
const tooMany = { status: 429, body: { code: 'tooManyRequests', status: 429 } };

/** Asks with a wrong key until the address has nothing left. */
async function exhaust(http: typeof alone, address: string): Promise<void> {
  const wrong = `pd_0000000000000000_${'x'.repeat(43)}`;
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(http, wrong, address)));
  expect(answers).toContainEqual(expect.objectContaining(unauthorized));
  for (const { status } of answers) expect([401, 429]).toContain(status);
  await eventually(async () => expect(await ask(http, wrong, address)).toMatchObject(tooMany));
}

it('an address that shows no valid key too often is told when to come again, even with a valid one; others are not', async () => {
  const [address, other] = [newAddress(), newAddress()];
  const { key } = await newKey();
  await exhaust(behindProxy, address);
  const refused = await ask(behindProxy, key, address);
  expect(refused).toMatchObject(tooMany);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await ask(behindProxy, null, address)).toMatchObject(tooMany);
  expect(await ask(behindProxy, key, other)).toMatchObject(known);
});

it('a key that was valid before is not locked out by others behind its address, until it is revoked', async () => {
  const address = newAddress();
  const { id, key } = await newKey();
  expect(await ask(behindProxy, key, address)).toMatchObject(known);
  await exhaust(behindProxy, address);
  expect(await ask(behindProxy, key, address)).toMatchObject(known);
  await revokeApiKey(database.pool, id);
  expect(await ask(behindProxy, key, address)).toMatchObject(unauthorized);
  expect(await ask(behindProxy, key, address)).toMatchObject(tooMany);
});

it('valid keys cost their address nothing, however many come at once', async () => {
  const address = newAddress();
  const keys = await Promise.all(Array.from({ length: 30 }, newKey));
  const answers = await Promise.all(keys.map(({ key }) => ask(behindProxy, key, address)));
  for (const answer of answers) expect(answer).toMatchObject(known);
  expect(await ask(behindProxy, null, address)).toMatchObject(unauthorized);
});

/** Authenticates in this process, and counts the look-ups in the database and what was charged. */
function counting(spend = (_keyId: string, _cost: number): void => undefined) {
  const counted = { lookUps: 0, spent: 0 };
  const query = (...args: [string]) => {
    counted.lookUps += 1;
    return database.pool.query(...args);
  };
  const charge = (keyId: string, cost: number) => {
    spend(keyId, cost);
    counted.spent += cost;
  };
  const authenticate = createAuthenticate({ query } as unknown as Pool, { unauthorizedPerSecond: 1, spend: charge });
  const as = (key: string) => authenticate({ headers: { authorization: `Bearer ${key}` }, ip: '192.0.2.1' }, 1);
  return { counted, as };
}

it('wrong keys at once are looked up as often as the address may show one, and no more', async () => {
  const { counted, as } = counting();
  const wrong = (index: number) => `pd_${String(index).padStart(16, '0')}_${'x'.repeat(43)}`;
  const answers = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => as(wrong(index))));
  const codes = answers.map((answer) => (answer as PromiseRejectedResult).reason.problem.code);
  expect(new Set(codes)).toEqual(new Set(['unauthorized', 'tooManyRequests']));
  expect(codes.filter((code) => code === 'unauthorized')).toHaveLength(counted.lookUps);
  // Two, and one for each second that it took.
  expect(counted.lookUps).toBeLessThan(20);
});

it('a look-up that the database does not answer costs the address nothing', async () => {
  const away = createAuthenticate({ query: () => Promise.reject(new Error('away')) } as unknown as Pool, {
    unauthorizedPerSecond: 1,
    spend: () => undefined,
  });
  const { key } = await newKey();
  for (let time = 0; time < 10; time += 1) {
    await expect(away({ headers: { authorization: `Bearer ${key}` }, ip: '192.0.2.1' }, 1)).rejects.toThrow('away');
  }
});

it('a known key is charged before it is looked up: without tokens there is no look-up', async () => {
  let isOut = false;
  const { counted, as } = counting(() => {
    if (isOut) throw new Error('out of tokens');
  });
  const { key } = await newKey();
  await as(key);
  await as(key);
  expect(counted).toEqual({ lookUps: 2, spent: 2 });
  isOut = true;
  await expect(as(key)).rejects.toThrow('out of tokens');
  expect(counted).toEqual({ lookUps: 2, spent: 2 });
});

it('X-Forwarded-For is believed of trusted proxies only, and of the last that is none', async () => {
  await exhaust(alone, newAddress());
  // The same caller under another name.
  expect(await ask(alone, (await newKey()).key, newAddress())).toMatchObject(tooMany);
  const [address, invented] = [newAddress(), newAddress()];
  await exhaust(behindProxy, `${invented}, ${address}, 10.1.2.3`);
  expect(await ask(behindProxy, null, address)).toMatchObject(tooMany);
  expect(await ask(behindProxy, null, invented)).toMatchObject(unauthorized);
});

it('health and the page of operations ask for no key and are not limited', async () => {
  const address = newAddress();
  await exhaust(behindProxy, address);
  const headers = { 'X-Forwarded-For': address };
  for (const path of ['/healthz', '/readyz', '/docs', '/openapi.json']) {
    expect(await behindProxy.ask('GET', path, { key: null, headers })).toMatchObject({ status: 200 });
  }
});

it('however many ask /readyz, the servers are asked for all of them at once, and again later', async () => {
  const app = fastify();
  let asked = 0;
  const query = (...args: [string]) => {
    asked += 1;
    return database.pool.query(...args);
  };
  addHealth(app, { client: temporal.client, pool: { query } as unknown as Pool });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const ready = async () => expect(await fetch(`${address}/readyz`)).toMatchObject({ status: 200 });
  await Promise.all(Array.from({ length: 50 }, ready));
  const first = asked;
  await eventually(async () => {
    await ready();
    expect(asked).toBeGreaterThan(first);
  });
  await app.close();
  // On a machine that takes seconds for it they may be asked once for each.
  expect(first).toBeLessThan(10);
});

it('so many callers are remembered, and the one that was not seen for longest is forgotten', () => {
  const rate = createRateLimit(1, { nowMs: () => 0, callers: 3 });
  const spent = (caller: string) => rate.take(caller, 0) !== undefined;
  for (const caller of ['a', 'b', 'c']) rate.take(caller, 2);
  expect(['a', 'b', 'c'].map(spent)).toEqual([true, true, true]);
  rate.take('d', 2);
  expect(['b', 'c', 'd'].map(spent)).toEqual([true, true, true]);
  expect(spent('a')).toBe(false);
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2:ffff::', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['unknown', 'unknown'],
  ['', ''],
])('%s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
