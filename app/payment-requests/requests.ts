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

// PostgreSQL's text cannot hold NUL.
const person = z
  .string()
  .max(200)
  .regex(/^[^\0]+$/);

/** The fields of a payment request, without its tenant and id. */
export const paymentRequest = z.object({
  payer: person,
  payee: person,
  amount: z
    .string()
    .regex(/^\d{1,16}(\.\d{1,2})?$/)
    .regex(/[1-9]/),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

/** `differs`: the id was used for a request whose `field` has another value. */
export type Requested = { result: 'requested' | 'exists' } | { result: 'differs'; field: string };
export type Changed = { result: 'paid' | 'cancelled' | 'extended' };
export type NotChanged = { result: 'tooLate'; status: PaymentRequestRow['status'] } | { result: 'notFound' };

/**
 * Service A, which does not use Temporal. Each step is one transaction: the business row decides, an event reports the
 * change, and the message's command commits together with both.
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

  /** `write` comes first: the lock on its row puts the commands of two callers in the order of their changes. */
  async function change(
    ref: PaymentRequestRef,
    event: keyof typeof paymentRequestEvents,
    write: (tx: PoolClient) => Promise<PaymentRequestRow | undefined>,
    command: (tx: PoolClient, row: PaymentRequestRow) => Promise<unknown>,
  ): Promise<PaymentRequestRow | undefined> {
    return inTransaction(pool, async (tx) => {
      const row = await write(tx);
      if (!row) return undefined;
      const changedEvent = newEvent(originOf(ref, row.cycle), paymentRequestEvents[event], eventData(row));
      await appendEvents(tx, [changedEvent]);
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
    /** Asks for money until `expiresAt`. A second call with the same id changes nothing, and says if it asks otherwise. */
    async request(request: PaymentRequest, expiresAt: InstantInput): Promise<Requested> {
      const { dueAt } = messageOf(postOf(request, expiresAt, 1));
      refuseRequest(request);
      const row = await change(
        request,
        'requested',
        (tx) => insertRequest(tx, request, dueAt),
        // A reconciliation may have started the message before the dispatcher takes this command.
        (tx, { due_at, cycle }) => scheduleIn(tx, postOf(request, due_at, cycle), { onConflict: 'keep' }),
      );
      if (row) return { result: 'requested' };
      const first = await findRequest(pool, request);
      const field = first && differingField(first, request, dueAt);
      return field ? { result: 'differs', field } : { result: 'exists' };
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
        // Not a plain move: if Temporal has lost the message, this starts it.
        (tx, { due_at, cycle }) => scheduleIn(tx, postOf(ref, due_at, cycle), { onConflict: 'move' }),
      );
      return row ? { result: 'extended' } : notChanged(ref);
    },
  };
}

/** In which field a request differs from the one that has its id. Once it was extended, the first due time is forgotten. */
function differingField(first: PaymentRequestRow, request: PaymentRequest, dueAt: number): string | undefined {
  const field = (['payer', 'payee', 'currency'] as const).find((name) => first[name] !== request[name]);
  if (field) return field;
  if (centsOf(first.amount) !== centsOf(request.amount)) return 'amount';
  return first.cycle === 1 && first.due_at.getTime() !== dueAt ? 'expiresAt' : undefined;
}

function centsOf(amount: string): bigint {
  const [whole, fraction = ''] = amount.split('.');
  return BigInt(`${whole}${fraction.padEnd(2, '0')}`);
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
