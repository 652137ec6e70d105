import type { EventOrigin } from '../outbox';
import type { PaymentRequestRef, PaymentRequestRow } from './rows';

export type PaymentRequestEventType = `payment-request.${'requested' | 'paid' | 'cancelled' | 'extended' | 'expired'}`;

/** What every event of a payment request says. Instants are RFC 3339; `amount` is decimal text. */
export interface PaymentRequestEventData extends Record<string, unknown> {
  requestId: string;
  payer: string;
  payee: string;
  amount: string;
  currency: string;
  status: PaymentRequestRow['status'];
  dueAt: string;
  closedAt?: string;
}

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
