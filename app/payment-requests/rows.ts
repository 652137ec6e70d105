import type { Queryable } from '../../src';

/** One person asks another for money. `amount` in decimal notation, as PostgreSQL's numeric keeps it exactly. */
export interface PaymentRequest {
  tenant: string;
  id: string;
  payer: string;
  payee: string;
  amount: string;
  currency: string;
}
export type PaymentRequestRef = Pick<PaymentRequest, 'tenant' | 'id'>;

export interface PaymentRequestRow extends PaymentRequest {
  status: 'PENDING' | 'PAID' | 'CANCELLED' | 'EXPIRED';
  due_at: Date;
  cycle: number;
  closed_at: Date | null;
}

const rfc3339 = (epochMs: number) => new Date(epochMs).toISOString();

const one = async (db: Queryable, text: string, values: unknown[]): Promise<PaymentRequestRow | undefined> =>
  (await db.query<PaymentRequestRow>(text, values)).rows[0];

export const findRequest = (db: Queryable, { tenant, id }: PaymentRequestRef) =>
  one(db, 'select * from payments.payment_request where tenant = $1 and id = $2', [tenant, id]);

/** The new row; undefined if there is one of this id. */
export const insertRequest = (db: Queryable, request: PaymentRequest, dueAt: number) =>
  one(
    db,
    `insert into payments.payment_request (tenant, id, payer, payee, amount, currency, due_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict do nothing
     returning *`,
    [request.tenant, request.id, request.payer, request.payee, request.amount, request.currency, rfc3339(dueAt)],
  );

/** The row as paid or cancelled; undefined if it was not pending any more. */
export const closeRequest = (db: Queryable, { tenant, id }: PaymentRequestRef, status: 'PAID' | 'CANCELLED') =>
  one(
    db,
    `update payments.payment_request set status = $3, closed_at = clock_timestamp()
      where tenant = $1 and id = $2 and status = 'PENDING'
     returning *`,
    [tenant, id, status],
  );

/** The row with its new due time and the next cycle; undefined if it was not pending any more. */
export const extendRequest = (db: Queryable, { tenant, id }: PaymentRequestRef, dueAt: number) =>
  one(
    db,
    `update payments.payment_request set due_at = $3, cycle = cycle + 1
      where tenant = $1 and id = $2 and status = 'PENDING'
     returning *`,
    [tenant, id, rfc3339(dueAt)],
  );

/** What a message says of a request: which one, and the cycle that it was posted for. */
export type ExpiryOf = PaymentRequestRef & { cycle: number };

const arraysOf = (expiries: ExpiryOf[]) => [
  expiries.map(({ tenant }) => tenant),
  expiries.map(({ id }) => id),
  expiries.map(({ cycle }) => cycle),
];

/** The rows as expired, of those that are pending, due, and not extended past their message's cycle. */
export async function expireRequests(db: Queryable, expiries: ExpiryOf[]): Promise<PaymentRequestRow[]> {
  const { rows } = await db.query<PaymentRequestRow>(
    `update payments.payment_request set status = 'EXPIRED', closed_at = clock_timestamp()
       from unnest($1::text[], $2::text[], $3::integer[]) as given (tenant, id, cycle)
      where payment_request.tenant = given.tenant and payment_request.id = given.id and status = 'PENDING'
        and payment_request.cycle <= given.cycle and due_at <= clock_timestamp()
     returning payment_request.*`,
    arraysOf(expiries),
  );
  return rows;
}

/** The rows as they are now, of those that exist. */
export async function findRequests(db: Queryable, expiries: ExpiryOf[]): Promise<PaymentRequestRow[]> {
  const { rows } = await db.query<PaymentRequestRow>(
    `select payment_request.* from payments.payment_request
       join unnest($1::text[], $2::text[], $3::integer[]) as given (tenant, id, cycle) using (tenant, id)`,
    arraysOf(expiries),
  );
  return rows;
}
