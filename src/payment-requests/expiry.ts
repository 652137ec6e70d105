import { z } from 'zod';
import { again, defineTopic, done, skip } from '../topic';
import { eventData } from './events';
import { expireRequest, findRequest } from './rows';

/**
 * Service B: a payment request that is still pending when it is due expires, and everyone is told.
 * The key is the request's id. A move that got lost costs nothing: the row knows its due time, and the handler asks
 * to be called again then.
 */
export const paymentRequestExpiry = defineTopic({
  name: 'payment-request.expiry',
  // The row is the truth; a copy of it in a message that sleeps for a year would be a stale one.
  payload: z.strictObject({}),
  async handle(tx, { tenant, key: id, cycle }) {
    const expired = await expireRequest(tx, { tenant, id }, cycle);
    if (expired) {
      await tx.emit('payment-request.expired', eventData(expired));
      return done;
    }
    const request = await findRequest(tx, { tenant, id });
    if (!request) return skip('there is no such payment request');
    if (request.status !== 'PENDING') return skip(`it is ${request.status} already`);
    return again(request.due_at);
  },
});
