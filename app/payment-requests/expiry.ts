import { z } from 'zod';
import { again, defineTopic, done, type GroupTransaction, type HandlerAnswer, type MessageRef, skip } from '../../src';
import { eventData, paymentRequestEvents } from './events';
import { expireRequests, findRequests, type PaymentRequestRow } from './rows';

type ExpiryMessage = MessageRef & { cycle: number };

/**
 * Service B: a payment request that is still pending when it is due expires, and everyone is told.
 * The key is the request's id. A move that got lost costs nothing: the row knows its due time, and the handler asks
 * to be called again then.
 */
export const paymentRequestExpiry = defineTopic({
  name: 'payment-request.expiry',
  // The row is the truth; a copy of it in a message that sleeps for a year would be a stale one.
  payload: z.strictObject({}),
  landAll,
  events: Object.values(paymentRequestEvents),
  businessRows: `select tenant, id as key, cycle, due_at, '{}'::jsonb as payload, status = 'PENDING' as waits,
                        case status when 'EXPIRED' then 'payment-request.expired' end as told
                   from payments.payment_request`,
  observed: [{ table: 'payments.payment_request', where: 'tenant = $1 and id = $2' }],
  volatile: ['closed_at', 'closedAt'],
  async handle({ query, emit }, message) {
    const emitAll: GroupTransaction['emit'] = async (events) => {
      for (const { type, data } of events) await emit(type, data);
    };
    const [answer] = await landAll({ query, emit: emitAll }, [message]);
    return answer as HandlerAnswer;
  },
});

async function landAll(tx: GroupTransaction, messages: ExpiryMessage[]): Promise<HandlerAnswer[]> {
  const expiries = messages.map(({ tenant, key: id, cycle }) => ({ tenant, id, cycle }));
  const expired = byName(await expireRequests(tx, expiries));
  const told = messages.flatMap((message) => {
    const row = expired.get(nameOf({ tenant: message.tenant, id: message.key }));
    return row ? [{ message, type: paymentRequestEvents.expired.type, data: eventData(row) }] : [];
  });
  if (told.length > 0) await tx.emit(told);
  const rest = expiries.filter((expiry) => !expired.has(nameOf(expiry)));
  const found = rest.length > 0 ? byName(await findRequests(tx, rest)) : new Map();
  return expiries.map((expiry) => (expired.has(nameOf(expiry)) ? done : answerTo(found.get(nameOf(expiry)))));
}

function answerTo(request: PaymentRequestRow | undefined): HandlerAnswer {
  if (!request) return skip('there is no such payment request');
  if (request.status !== 'PENDING') return skip(`it is ${request.status} already`);
  return again(request.due_at);
}

const nameOf = ({ tenant, id }: { tenant: string; id: string }) => `${tenant}/${id}`;
const byName = (rows: PaymentRequestRow[]) => new Map(rows.map((row) => [nameOf(row), row]));
