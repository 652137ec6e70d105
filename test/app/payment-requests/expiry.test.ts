import { nanoid } from 'nanoid';
import { eventData, originOf } from '../../../app/payment-requests/events';
import { paymentRequestExpiry } from '../../../app/payment-requests/expiry';
import { notifications } from '../../../app/payment-requests/notifications';
import {
  closeRequest,
  extendRequest,
  findRequest,
  insertRequest,
  type PaymentRequest,
} from '../../../app/payment-requests/rows';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import { land } from '../../../src/delivery/landing/landing';
import { replayFrom, subscribe } from '../../../src/events/consumer';
import { appendEvent } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import type { Delivery } from '../../../src/message/contract';
import type { Decision } from '../../../src/message/decision';
import { inTransaction } from '../../../src/platform/database/pool';
import { consumeBatch } from '../../support/consume-batch';
import { useDatabase } from '../../support/database';

const database = useDatabase(paymentsSchema);
const HOUR_MS = 3_600_000;

/** A pending payment request, due this much from now. */
async function pending(dueInMs: number): Promise<PaymentRequest> {
  const request = { tenant: 'acme', id: nanoid(), payer: 'Doe', payee: 'John', amount: '100.00', currency: 'EUR' };
  await insertRequest(database.pool, request, Date.now() + dueInMs);
  return request;
}

/** The request's message of this cycle, due a moment ago. */
const deliveryOf = ({ tenant, id }: PaymentRequest, cycle = 1): Delivery => ({
  message: { v: 1, topic: paymentRequestExpiry.name, tenant, key: id, cycle, dueAt: Date.now() - 1, payload: {} },
  late: false,
});

async function expireAll(deliveries: Delivery[]): Promise<Decision[]> {
  const landings = await land(database.pool, paymentRequestExpiry, deliveries);
  return landings.map((landing) => (landing as { decision: Decision }).decision);
}

const expire = async (request: PaymentRequest, cycle = 1): Promise<Decision> =>
  (await expireAll([deliveryOf(request, cycle)]))[0] as Decision;

const statusOf = async (request: PaymentRequest) => (await findRequest(database.pool, request))?.status;
const eventsOf = async ({ id }: PaymentRequest): Promise<string[]> =>
  (await database.pool.query('select type from postdate.outbox where aggregateid = $1', [`acme/${id}`])).rows.map(
    (row) => row.type,
  );

describe('the expiry', () => {
  it('of a pending request expires it and tells everyone', async () => {
    const request = await pending(-1_000);
    expect(await expire(request)).toMatchObject({ outcome: 'delivered' });
    expect(await statusOf(request)).toBe('EXPIRED');
    expect(await eventsOf(request)).toEqual(['payment-request.expired']);
  });

  it.each(['PAID', 'CANCELLED'] as const)('of a request that is %s is skipped and tells nobody', async (status) => {
    const request = await pending(-1_000);
    await closeRequest(database.pool, request, status);
    expect(await expire(request)).toMatchObject({ outcome: 'skipped', reason: `it is ${status} already` });
    expect(await statusOf(request)).toBe(status);
    expect(await eventsOf(request)).toEqual([]);
  });

  it('of a request that was extended, and whose move got lost, asks to come again at the new due time', async () => {
    const request = await pending(-1_000);
    const row = await extendRequest(database.pool, request, Date.now() + HOUR_MS);
    expect(await expire(request)).toMatchObject({ next: { cycle: 2, dueAt: row?.due_at.getTime() } });
    expect(await statusOf(request)).toBe('PENDING');
  });

  it('by an old cycle does nothing even when the new due time has passed; the new cycle expires it', async () => {
    const request = await pending(-2_000);
    await extendRequest(database.pool, request, Date.now() - 1_000);
    expect(await expire(request, 1)).toMatchObject({ next: { cycle: 2 } });
    expect(await statusOf(request)).toBe('PENDING');
    expect(await expire(request, 2)).toMatchObject({ outcome: 'delivered', next: undefined });
    expect(await statusOf(request)).toBe('EXPIRED');
  });

  it('of a request that is not there is skipped', async () => {
    const request = { tenant: 'acme', id: nanoid(), payer: 'Doe', payee: 'John', amount: '1.00', currency: 'EUR' };
    expect(await expire(request)).toMatchObject({ outcome: 'skipped' });
  });

  it('of a group decides on each request as it would alone', async () => {
    const extended = async (byMs: number) => {
      const request = await pending(-2_000);
      await extendRequest(database.pool, request, Date.now() + byMs);
      return request;
    };
    const closed = async (status: 'PAID' | 'CANCELLED') => {
      const request = await pending(-1_000);
      await closeRequest(database.pool, request, status);
      return request;
    };
    const group = await Promise.all([
      pending(-1_000),
      closed('PAID'),
      extended(HOUR_MS),
      pending(-1_000),
      extended(-500),
      closed('CANCELLED'),
    ]);
    group.push({ ...(group[0] as PaymentRequest), id: nanoid() });
    const decisions = await expireAll(group.map((request) => deliveryOf(request)));
    expect(decisions.map(({ outcome, reason, next }) => [outcome, reason, next?.cycle])).toEqual([
      ['delivered', undefined, undefined],
      ['skipped', 'it is PAID already', undefined],
      ['delivered', undefined, 2],
      ['delivered', undefined, undefined],
      ['delivered', undefined, 2],
      ['skipped', 'it is CANCELLED already', undefined],
      ['skipped', 'there is no such payment request', undefined],
    ]);
    const statuses = await Promise.all(group.slice(0, 6).map(statusOf));
    expect(statuses).toEqual(['EXPIRED', 'PAID', 'PENDING', 'EXPIRED', 'PENDING', 'CANCELLED']);
    const events = (await Promise.all(group.map(eventsOf))).map((types) => types.length);
    expect(events).toEqual([1, 0, 0, 1, 0, 0, 0]);
    // What is in the ledger is what was answered.
    expect(await expireAll(group.map((request) => deliveryOf(request)))).toEqual(decisions);
  });

  it('racing with the payment: one of them wins, and the event says which', async () => {
    const winners = new Set<string | undefined>();
    // Until each side has won, or this was no race; chance decides, so by far more rounds than it ever takes.
    for (let round = 0; round < 60 || (winners.size < 2 && round < 2_000); round += 1) {
      const request = await pending(-1_000);
      const pay = () =>
        inTransaction(database.pool, async (tx) => {
          await tx.query('select pg_sleep(random() * 0.015)');
          const row = await closeRequest(tx, request, 'PAID');
          if (row) await appendEvent(tx, originOf(request, row.cycle), 'payment-request.paid', eventData(row));
        });
      const expireSoon = async () => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 15));
        await expire(request);
      };
      await Promise.all([pay(), expireSoon()]);
      const status = await statusOf(request);
      expect(await eventsOf(request)).toEqual([`payment-request.${status?.toLowerCase()}`]);
      winners.add(status);
    }
    expect([...winners].sort()).toEqual(['EXPIRED', 'PAID']);
  });
});

describe('notifications', () => {
  const told = async (id: string) =>
    (
      await database.pool.query(
        'select person, channel, text from payments.notification where event_id like $1 order by person',
        [`%:${id}:%`],
      )
    ).rows;

  it('are one for the payer and one for the payee, and a repeated event makes no more', async () => {
    const request = await pending(-1_000);
    await expire(request);
    while ((await relayBatch(database.pool)) > 0);
    await subscribe(database.pool, notifications);
    const drain = async () => {
      while ((await consumeBatch(database.pool, notifications)) > 0);
    };
    await drain();
    const once = await told(request.id);
    expect(once).toEqual([
      { person: 'Doe', channel: 'warning', text: "John's request for 100.00 EUR has expired" },
      { person: 'John', channel: 'warning', text: 'your request to Doe for 100.00 EUR has expired unpaid' },
    ]);
    await replayFrom(database.pool, notifications.name, 0);
    await drain();
    expect(await told(request.id)).toEqual(once);
  });

  it('leave events of others alone', async () => {
    const origin = { topic: 'other', tenant: 'acme', key: nanoid(), cycle: 1 };
    await inTransaction(database.pool, (tx) => appendEvent(tx, origin, 'other.happened', {}));
    await relayBatch(database.pool);
    while ((await consumeBatch(database.pool, notifications)) > 0);
    expect(await told(origin.key)).toEqual([]);
  });
});
