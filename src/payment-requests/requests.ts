import type { Client } from '@temporalio/client';
import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { admit, MessageError, refuseDueAt } from '../admission';
import { cancel as cancelMessage, schedule } from '../client';
import { inTransaction } from '../database';
import { epochMsOf, type InstantInput } from '../due-time';
import { appendEvent } from '../outbox';
import { messageOf } from '../post';
import { eventData, originOf, type PaymentRequestEventType } from './events';
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

/** The row decided; `timer` says how far its message was told, and matters to nobody but operators. */
export type Changed = { result: 'paid' | 'cancelled' | 'extended'; timer: string };
export type NotChanged = { result: 'tooLate'; status: PaymentRequestRow['status'] } | { result: 'notFound' };

/**
 * Service A. Each step writes the business row first and touches the timer second, in that order: a row without its
 * timer is healed by calling again, and a timer whose command got lost finds the row closed or moved when it fires.
 */
export function createPaymentRequests({ pool, client }: { pool: Pool; client: Client }) {
  const postOf = ({ tenant, id }: PaymentRequestRef, dueAt: InstantInput, cycle?: number) => ({
    topic: paymentRequestExpiry,
    tenant,
    key: id,
    dueAt,
    cycle,
    payload: {},
  });

  async function change(
    ref: PaymentRequestRef,
    type: PaymentRequestEventType,
    write: (tx: PoolClient) => Promise<PaymentRequestRow | undefined>,
  ): Promise<PaymentRequestRow | undefined> {
    return inTransaction(pool, async (tx) => {
      const row = await write(tx);
      if (row) await appendEvent(tx, originOf(ref, row.cycle), type, eventData(row));
      return row;
    });
  }

  async function notChanged(ref: PaymentRequestRef): Promise<NotChanged> {
    const row = await findRequest(pool, ref);
    return row ? { result: 'tooLate', status: row.status } : { result: 'notFound' };
  }

  // The row has decided and its event is out; a timer that cannot be told now will find that out by itself.
  const told = (command: Promise<{ result: string }>): Promise<string> =>
    command.then(
      ({ result }) => result,
      (error: Error) => `unreachable: ${error.message}`,
    );

  async function close(ref: PaymentRequestRef, status: 'PAID' | 'CANCELLED'): Promise<Changed | NotChanged> {
    const result = status === 'PAID' ? 'paid' : 'cancelled';
    const row = await change(ref, `payment-request.${result}`, (tx) => closeRequest(tx, ref, status));
    if (!row) return notChanged(ref);
    return { result, timer: await told(cancelMessage(client, originOf(ref, row.cycle), { reason: result })) };
  }

  return {
    /** Asks for money until `expiresAt`. Calling again with the same id repeats what is missing and changes nothing. */
    async request(request: PaymentRequest, expiresAt: InstantInput): Promise<{ result: 'requested' | 'exists' }> {
      const { dueAt } = messageOf(postOf(request, expiresAt, 1));
      refuseRequest(request);
      const inserted = await change(request, 'payment-request.requested', (tx) => insertRequest(tx, request, dueAt));
      const row = inserted ?? (await findRequest(pool, request));
      if (row?.status === 'PENDING') {
        await schedule(client, postOf(row, row.due_at, row.cycle), { onConflict: 'keep' });
      }
      return { result: inserted ? 'requested' : 'exists' };
    },

    pay: (ref: PaymentRequestRef) => close(ref, 'PAID'),
    cancel: (ref: PaymentRequestRef) => close(ref, 'CANCELLED'),

    /** Gives the payer until `expiresAt`, earlier or later than before. */
    async extend(ref: PaymentRequestRef, expiresAt: InstantInput): Promise<Changed | NotChanged> {
      const dueAt = epochMsOf(expiresAt);
      admit(refuseDueAt(dueAt, Date.now()));
      const row = await change(ref, 'payment-request.extended', (tx) => extendRequest(tx, ref, dueAt));
      if (!row) return notChanged(ref);
      // Not a plain move: if the first post got lost with its server, this one starts the timer.
      const post = postOf(row, row.due_at, row.cycle);
      return { result: 'extended', timer: await told(schedule(client, post, { onConflict: 'move' })) };
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
