import type { Pool, PoolClient } from 'pg';
import type { PaymentRequest, PaymentRequestRef } from '../app/payment-requests/rows';
import { inTransaction } from '../src/platform/database/pool';

// What a service in any other language would send: plain statements in a transaction of its own, and nothing of ours but
// the functions of the schema postdate.
const REQUEST = `
  insert into payments.payment_request (tenant, id, payer, payee, amount, currency, due_at)
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict do nothing`;
const CLOSE = `
  update payments.payment_request set status = $3, closed_at = clock_timestamp()
   where tenant = $1 and id = $2 and status = 'PENDING'`;
const EXTEND = `
  update payments.payment_request set due_at = $3, cycle = cycle + 1
   where tenant = $1 and id = $2 and status = 'PENDING'`;

const SCHEDULE = `
  select postdate.schedule('payment-request.expiry', tenant, id, due_at, cycle => cycle, on_conflict => $3)
    from payments.payment_request where tenant = $1 and id = $2`;
const CANCEL = `select postdate.cancel('payment-request.expiry', $1, $2, reason => $3)`;

// The event of the change, so that listeners hear of it as of any other: a CloudEvent.
const TELL = `
  insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
  select event.id, 'payment-request.expiry', event.subject, event.type, jsonb_build_object(
           'specversion', '1.0', 'id', event.id, 'source', '/postdate/payment-request.expiry', 'type', event.type,
           'subject', event.subject, 'time', to_char(clock_timestamp() at time zone 'UTC', rfc3339),
           'datacontenttype', 'application/json', 'tenant', tenant, 'cycle', cycle,
           'data', jsonb_strip_nulls(jsonb_build_object(
             'requestId', request.id, 'payer', payer, 'payee', payee, 'amount', amount::text, 'currency', currency,
             'status', status, 'dueAt', to_char(due_at at time zone 'UTC', rfc3339),
             'closedAt', to_char(closed_at at time zone 'UTC', rfc3339))))
    from payments.payment_request request,
         lateral (select $3::text as type, tenant || '/' || request.id as subject,
                         format('payment-request.expiry:%s:%s:%s:%s', tenant, request.id, cycle, $3::text) as id,
                         'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' as rfc3339) event
   where tenant = $1 and request.id = $2`;

/** Service A as any language has it: business row, event and command in one transaction of PostgreSQL. */
export function paymentRequestsInSql(pool: Pool) {
  /** `change` first: its row's lock puts the commands of two callers in the order of their changes. */
  const change = (
    { tenant, id }: PaymentRequestRef,
    result: 'requested' | 'paid' | 'cancelled' | 'extended',
    [write, ...values]: string[],
    [command, argument]: [string, string],
  ) =>
    inTransaction(pool, async (tx: PoolClient) => {
      const { rowCount } = await tx.query(write as string, [tenant, id, ...values]);
      if (rowCount === 0) return { result: 'unchanged' as const };
      await tx.query(TELL, [tenant, id, `payment-request.${result}`]);
      await tx.query(command, [tenant, id, argument]);
      return { result };
    });

  return {
    request: ({ payer, payee, amount, currency, ...ref }: PaymentRequest, expiresAt: number) =>
      change(ref, 'requested', [REQUEST, payer, payee, amount, currency, rfc3339(expiresAt)], [SCHEDULE, 'keep']),
    pay: (ref: PaymentRequestRef) => change(ref, 'paid', [CLOSE, 'PAID'], [CANCEL, 'paid']),
    cancel: (ref: PaymentRequestRef) => change(ref, 'cancelled', [CLOSE, 'CANCELLED'], [CANCEL, 'cancelled']),
    extend: (ref: PaymentRequestRef, expiresAt: number) =>
      change(ref, 'extended', [EXTEND, rfc3339(expiresAt)], [SCHEDULE, 'move']),
  };
}

const rfc3339 = (epochMs: number) => new Date(epochMs).toISOString();
