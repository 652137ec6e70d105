import { z } from 'zod';
import { defineEvent, type EventOrigin, type EventType, instant } from '../../src';
import type { PaymentRequestRef, PaymentRequestRow } from './rows';

/** What every event of a payment request says. */
export const paymentRequestData = z
  .object({
    requestId: z.string(),
    payer: z.string(),
    payee: z.string(),
    amount: z
      .string()
      .regex(/^\d{1,16}\.\d{2}$/)
      .describe('decimal'),
    currency: z.string().regex(/^[A-Z]{3}$/),
    status: z.enum(['PENDING', 'PAID', 'CANCELLED', 'EXPIRED']),
    dueAt: instant.describe('when it expires unless it is paid'),
    closedAt: instant.optional().describe('once it is no longer pending'),
  })
  .meta({ id: 'PaymentRequest' });

export type PaymentRequestEventData = z.output<typeof paymentRequestData>;
export type PaymentRequestEventType = `payment-request.${keyof typeof paymentRequestEvents}`;

const event = (name: string, summary: string): EventType<typeof paymentRequestData> =>
  defineEvent({ type: `payment-request.${name}`, summary, data: paymentRequestData });

export const paymentRequestEvents = {
  requested: event('requested', 'A payee asked for money'),
  paid: event('paid', 'The payer paid in time'),
  cancelled: event('cancelled', 'The payee took the request back'),
  extended: event('extended', 'The payer was given until another due time, earlier or later'),
  expired: event('expired', 'It was due and still unpaid'),
};

export const eventData = (row: PaymentRequestRow): PaymentRequestEventData => ({
  requestId: row.id,
  payer: row.payer,
  payee: row.payee,
  amount: row.amount,
  currency: row.currency,
  status: row.status,
  dueAt: row.due_at.toISOString(),
  closedAt: row.closed_at?.toISOString(),
});

/** All events of one request have one origin, the expiry's message, so that a broker keeps them in order. */
export const originOf = ({ tenant, id }: PaymentRequestRef, cycle: number): EventOrigin => ({
  topic: 'payment-request.expiry',
  tenant,
  key: id,
  cycle,
});
