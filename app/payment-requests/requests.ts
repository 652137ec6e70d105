import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import {
  appendEvents,
  cancelIn,
  type InstantInput,
  inTransaction,
  MessageError,
  messageOf,
  newEvent,
  scheduleIn,
} from '../../src';
import { eventData, originOf, paymentRequestEvents } from './events';
import { paymentRequestExpiry } from './expiry';
import {
  closeRequest,
  extendRequest,
  findRequest,
  insertRequest,
  type PaymentRequest,
  type PaymentRequestRef,
  type PaymentRequestRow,
} from './rows';

// PostgreSQL's text has no NUL.
const person = z
  .string()
  .max(200)
  .regex(/^[^\0]+$/);

/** What one is made of, beside whose it is. */
export const paymentRequest = z.object({
  payer: person,
  payee: person,
  amount: z
    .string()
    .regex(/^\d{1,16}(\.\d{1,2})?$/)
    .regex(/[1-9]/),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

export type Changed = { result: 'paid' | 'cancelled' | 'extended' };
export type NotChanged = { result: 'tooLate'; status: PaymentRequestRow['status'] } | { result: 'notFound' };

/**
 * Service A, which knows nothing of Temporal. Each step is one transaction: the business row decides, its event tells, and
 * the command to its message is there if and only if they are.
 */
export function createPaymentRequests({ pool }: { pool: Pool }) {
  const postOf = ({ tenant, id }: PaymentRequestRef, dueAt: InstantInput, cycle: number) => ({
    topic: paymentRequestExpiry,
    tenant,
    key: id,
    dueAt,
    cycle,
    payload: {},
  });

  /** `write` comes first: its row's lock is what puts the commands of two callers in the order of their changes. */
  async function change(
    ref: PaymentRequestRef,
    event: keyof typeof paymentRequestEvents,
    write: (tx: PoolClient) => Promise<PaymentRequestRow | undefined>,
    command: (tx: PoolClient, row: PaymentRequestRow) => Promise<unknown>,
  ): Promise<PaymentRequestRow | undefined> {
    return inTransaction(pool, async (tx) => {
      const row = await write(tx);
      if (!row) return undefined;
      const told = newEvent(originOf(ref, row.cycle), paymentRequestEvents[event], eventData(row));
      await appendEvents(tx, [told]);
      await command(tx, row);
      return row;
    });
  }

  async function notChanged(ref: PaymentRequestRef): Promise<NotChanged> {
    const row = await findRequest(pool, ref);
    return row ? { result: 'tooLate', status: row.status } : { result: 'notFound' };
  }

  async function close(ref: PaymentRequestRef, status: 'PAID' | 'CANCELLED'): Promise<Changed | NotChanged> {
    const result = status === 'PAID' ? 'paid' : 'cancelled';
    const row = await change(
      ref,
      result,
      (tx) => closeRequest(tx, ref, status),
      (tx, { cycle }) => cancelIn(tx, originOf(ref, cycle), { reason: result }),
    );
    return row ? { result } : notChanged(ref);
  }

  return {
    /** Asks for money until `expiresAt`. Calling again with the same id changes nothing. */
    async request(request: PaymentRequest, expiresAt: InstantInput): Promise<{ result: 'requested' | 'exists' }> {
      const { dueAt } = messageOf(postOf(request, expiresAt, 1));
      refuseRequest(request);
      const row = await change(
        request,
        'requested',
        (tx) => insertRequest(tx, request, dueAt),
        // Reconciling may have started what waits to be dispatched.
        (tx, { due_at, cycle }) => scheduleIn(tx, postOf(request, due_at, cycle), { onConflict: 'keep' }),
      );
      return { result: row ? 'requested' : 'exists' };
    },

    pay: (ref: PaymentRequestRef) => close(ref, 'PAID'),
    cancel: (ref: PaymentRequestRef) => close(ref, 'CANCELLED'),

    /** Gives the payer until `expiresAt`, earlier or later than before. */
    async extend(ref: PaymentRequestRef, expiresAt: InstantInput): Promise<Changed | NotChanged> {
      const { dueAt } = messageOf(postOf(ref, expiresAt, 1));
      const row = await change(
        ref,
        'extended',
        (tx) => extendRequest(tx, ref, dueAt),
        // Not a plain move: where Temporal has lost the message, this one starts it.
        (tx, { due_at, cycle }) => scheduleIn(tx, postOf(ref, due_at, cycle), { onConflict: 'move' }),
      );
      return row ? { result: 'extended' } : notChanged(ref);
    },
  };
}

function refuseRequest(request: PaymentRequest): void {
  const parsed = paymentRequest.safeParse(request);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  throw new MessageError({
    code: 'invalidPayload',
    field: String(issue?.path[0] ?? 'request'),
    message: issue?.message ?? 'is not a payment request',
  });
}
