import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../../app/payment-requests/expiry';
import { closeRequest, insertRequest } from '../../../app/payment-requests/rows';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { land } from '../../../src/delivery/landing/landing';
import { recordWithdrawal } from '../../../src/delivery/ledger/ledger';
import { relayBatch } from '../../../src/events/relay';
import { runAudit } from '../../../src/operating/audit/audit';
import { formatAudit } from '../../../src/operating/audit/report';
import { inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';

const database = useDatabase(paymentsSchema);
const HOUR_MS = 3_600_000;
const people = { payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
const NOW = Date.now();

async function request(tenant: string, dueAt: number, id = nanoid()) {
  await insertRequest(database.pool, { tenant, id, ...people }, dueAt);
  const message = { v: 1 as const, topic: paymentRequestExpiry.name, tenant, key: id, cycle: 1, dueAt, payload: {} };
  return { tenant, id, message };
}
async function expired(tenant: string) {
  const one = await request(tenant, NOW - HOUR_MS);
  await land(database.pool, paymentRequestExpiry, [{ message: one.message, late: false }]);
  return one;
}
async function withdrawn(tenant: string, withdrawal: Partial<Parameters<typeof recordWithdrawal>[2]>) {
  const one = await request(tenant, NOW + HOUR_MS);
  const decision = { outcome: 'cancelled' as const, commandId: nanoid(), ...withdrawal };
  await inTransaction(database.pool, (tx) => recordWithdrawal(tx, one.message, decision));
  return one;
}
const audited = () => runAudit(database.pool, [paymentRequestExpiry]);
const differences = async () => (await audited()).differences.map(({ kind, id }) => [kind, id]);
const gapOf = async (tenant: string) => (await audited()).topics[0]?.tenants.find((one) => one.tenant === tenant)?.gap;

beforeEach(() => database.pool.query('truncate postdate.delivery, postdate.outbox, payments.payment_request'));

it('a sound system is sound, and every cycle is somewhere', async () => {
  await request('acme', NOW + HOUR_MS);
  await expired('acme');
  const paid = await withdrawn('acme', { outcome: 'cancelled' });
  await closeRequest(database.pool, paid, 'PAID');
  await withdrawn('acme', { outcome: 'moved', next: { cycle: 2, dueAt: NOW + 2 * HOUR_MS } });
  await expired('other');
  while (await relayBatch(database.pool));
  const report = await audited();
  expect(report).toMatchObject({ sound: true, differences: [] });
  const nothing = { skipped: 0, failed: 0, superseded: 0, gap: 0 };
  expect(report.topics[0]?.tenants).toEqual([
    { tenant: 'acme', posted: 5, waiting: 2, delivered: 1, cancelled: 1, moved: 1, ...nothing },
    { tenant: 'other', posted: 1, waiting: 0, delivered: 1, cancelled: 0, moved: 0, ...nothing },
  ]);
  expect(formatAudit(report)).toContain('nothing is missing');
});

it('a row in the outbox that holds no event of ours ends no audit; one that is not relayed is named', async () => {
  const { id } = await expired('acme');
  while (await relayBatch(database.pool));
  const odd = [
    {},
    null,
    7,
    [],
    { time: 'soon', cycle: 'x', tenant: 'acme' },
    { time: '2026-02-30T00:00:00.000Z', cycle: 1e300, tenant: 1 },
  ];
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, position, relayed_at)
     select 'odd-' || place, $1, $3, 'payment-request.expired', payload, 1000 + place, now()
       from jsonb_array_elements($2::jsonb) with ordinality as odd (payload, place)`,
    [paymentRequestExpiry.name, JSON.stringify(odd), `acme/${id}`],
  );
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload) values ('left', $1, 'acme/left', 'x', '{}')`,
    [paymentRequestExpiry.name],
  );
  expect(await differences()).toEqual([
    ['eventWithoutDecision', 'odd-5'],
    ['eventWithoutDecision', 'odd-6'],
    ['notRelayed', 'left'],
  ]);
  // The control: what is missing beside them is found as ever.
  await database.pool.query('delete from postdate.delivery');
  expect(await differences()).toContainEqual(['effectWithoutDecision', `acme/${id}`]);
});

it('an effect without its decision is a gap, and named', async () => {
  const { id } = await expired('acme');
  await database.pool.query('delete from postdate.delivery');
  expect(await differences()).toEqual([
    ['effectWithoutDecision', `acme/${id}`],
    ['eventWithoutDecision', `${paymentRequestExpiry.name}:acme:${id}:1:payment-request.expired`],
  ]);
  expect(await gapOf('acme')).toBe(1);
});

it('an effect whose message was cancelled is named', async () => {
  await expired('acme');
  const { id } = await withdrawn('acme', { outcome: 'cancelled' });
  await database.pool.query(
    `update payments.payment_request set status = 'EXPIRED', closed_at = due_at where id = $1`,
    [id],
  );
  expect(await differences()).toEqual([
    ['effectWithoutDecision', `acme/${id}`],
    ['effectWithoutEvent', `acme/${id}`],
  ]);
});

it('an event of a cycle that nobody decided is named, though another cycle was', async () => {
  const { id } = await expired('acme');
  expect(await differences()).toEqual([]);
  await database.pool.query('update postdate.delivery set cycle = 2');
  expect(await differences()).toEqual([
    ['eventWithoutDecision', `${paymentRequestExpiry.name}:acme:${id}:1:payment-request.expired`],
  ]);
});

it('a decision whose row is gone is too much, and named', async () => {
  const { id } = await expired('acme');
  await database.pool.query('delete from payments.payment_request');
  expect(await differences()).toEqual([['decisionWithoutEffect', `acme/${id}`]]);
  expect(await gapOf('acme')).toBe(-1);
});

it('a decision whose effect was undone is named', async () => {
  const { id } = await expired('acme');
  await database.pool.query(`update payments.payment_request set status = 'PENDING', closed_at = null`);
  expect(await differences()).toEqual([
    ['decisionWithoutEffect', `acme/${id}`],
    ['rowWaitsThoughDecided', `acme/${id}`],
  ]);
});

it('an effect that nobody was told of is named', async () => {
  const { id } = await expired('acme');
  await database.pool.query('delete from postdate.outbox');
  expect(await differences()).toEqual([['effectWithoutEvent', `acme/${id}`]]);
});

it('a row that is overdue by more than a minute, and that nobody has decided, is named', async () => {
  const { id } = await request('acme', NOW - 2 * 60_000);
  await request('acme', NOW - 10_000);
  expect(await differences()).toEqual([['overdue', `acme/${id}`]]);
  expect(await gapOf('acme')).toBe(0);
});

it('an event that has waited a minute for its place in the stream is named', async () => {
  const { id } = await expired('acme');
  await database.pool.query(
    `update postdate.outbox set payload = jsonb_set(payload, '{time}', to_jsonb('2026-01-01T00:00:00Z'::text))`,
  );
  expect(await differences()).toEqual([
    ['notRelayed', `${paymentRequestExpiry.name}:acme:${id}:1:payment-request.expired`],
  ]);
  while (await relayBatch(database.pool));
  expect(await differences()).toEqual([]);
});

it('very many differences are all named', async () => {
  await database.pool.query(
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, status, due_at, closed_at)
     select 'acme', 'many-' || n, 'Doe', 'John', 1, 'EUR', 'EXPIRED', now() - interval '1 h', now()
       from generate_series(1, 150000) as n`,
  );
  const { topics, differences: found } = await audited();
  expect(topics[0]?.tenants).toMatchObject([{ tenant: 'acme', posted: 150_000, gap: 150_000 }]);
  expect(found).toHaveLength(300_000);
});
