import { nanoid } from 'nanoid';
import type { Pool } from 'pg';
import { z } from 'zod';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { land } from '../../src/delivery/landing/landing';
import { recordAnswer } from '../../src/events/answers/answer';
import type { PostdateEvent } from '../../src/events/outbox';
import { recordRefusal } from '../../src/events/refused-commands';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { defineTopic } from '../../src/topics/define-topic';
import { forwardTopic } from '../../src/topics/forward-topic';
import { done, PermanentFailure } from '../../src/topics/topic';
import { eventsIn } from './described-events';
import { effectMessage } from './effects';
import { failed, setLane, testLaneGuard } from './lane-figures';

const HOUR_MS = 3_600_000;

/** Has every kind of event happen for real, in a database with the payment requests' tables: what the outbox then has. */
export async function everyEvent(pool: Pool, { reason }: { reason: string }): Promise<PostdateEvent[]> {
  const failing = defineTopic({
    name: 'test.effect',
    payload: z.object({ note: z.string() }),
    async handle(_, { key }) {
      if (key === 'poison') throw new PermanentFailure(reason);
      return done;
    },
  });
  const forwarding = forwardTopic({ name: 'orders.reminder', payloadVersion: 2, upcasts: [(payload) => payload] });
  await registerTopics(pool, [paymentRequestExpiry, forwarding]);
  const requests = createPaymentRequests({ pool });
  const request = async () => {
    const ref = { tenant: 'acme', id: nanoid() };
    const asked = { ...ref, payer: 'Doe', payee: 'Jörg "Joe" 🦊', amount: '1234567.5', currency: 'EUR' };
    await requests.request(asked, Date.now() + HOUR_MS);
    return ref;
  };
  await requests.pay(await request());
  await requests.cancel(await request());
  const extended = await request();
  await requests.extend(extended, Date.now() - HOUR_MS);
  const expiry = { topic: paymentRequestExpiry.name, tenant: 'acme', key: extended.id, cycle: 2, payload: {} };
  await land(pool, paymentRequestExpiry, [{ message: effectMessage(-1, expiry), late: false }]);
  // Posted last year.
  const place = { startAt: Date.now() - 8_904 * HOUR_MS, at: Date.now(), done: 0 };
  const thisYear = `0 0 0 1 1 * ${new Date().getUTCFullYear()}`;
  await land(pool, failing, [
    { message: effectMessage(-1, { key: 'poison' }), late: false },
    { message: effectMessage(-HOUR_MS, { key: 'stale', staleAfterMs: 1_000 }), late: false },
    { message: effectMessage(-1, { key: 'series', repeat: { cron: thisYear, ...place } }), late: false },
  ]);
  const order = { topic: forwarding.name, key: 'order-7', payload: { order: 7 }, staleAfterMs: HOUR_MS };
  await land(pool, forwarding, [{ message: effectMessage(-1, { ...order, payloadVersion: 2 }), late: false }]);
  // A failure that is told by the database itself.
  const forwarded = { topic: forwarding.name, tenant: 'acme', key: 'order-7', cycle: 1 };
  await recordAnswer(pool, forwarded, { do: 'failed', reason: 'no such order' });
  // As a dispatcher does with a payload that no schema lets in.
  const command = { topic: 'test.effect', tenant: 'acme', key: 'wrong', seq: '1', commandId: 'c-1' };
  const refusal = { code: 'invalidPayload', field: 'payload', message: reason } as const;
  await recordRefusal(pool, { ...command, what: 'schedule', body: { dueAt: Date.now(), payload: {} } }, refusal);
  const canary = { topic: paymentRequestExpiry.name, lane: 'canary' };
  await setLane(pool, canary, {});
  await failed(pool, canary, 20);
  await testLaneGuard(pool).look(canary.topic);
  return eventsIn(pool);
}
