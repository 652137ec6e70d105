import { type Kysely, sql } from 'kysely';
import type { SchemaMigrations } from '../../src';

async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  create table payments.payment_request (
    tenant    text          not null,
    id        text          not null,
    payer     text          not null,
    payee     text          not null,
    amount    numeric(18,2) not null check (amount > 0),
    currency  text          not null check (currency ~ '^[A-Z]{3}$'),
    status    text          not null default 'PENDING' check (status in ('PENDING', 'PAID', 'CANCELLED', 'EXPIRED')),
    due_at    timestamptz   not null,
    -- the cycle of the message that may expire it; an extension raises it, so the old message is powerless
    cycle     integer       not null default 1,
    closed_at timestamptz,
    primary key (tenant, id),
    check ((status = 'PENDING') = (closed_at is null)),
    check (status <> 'EXPIRED' or closed_at >= due_at)
  )`.execute(db);
  await sql`
  create table payments.notification (
    tenant   text not null,
    person   text not null,
    -- an event that comes again makes no second notification
    event_id text not null,
    channel  text not null check (channel in ('push', 'warning')),
    text     text not null,
    primary key (tenant, person, event_id)
  )`.execute(db);
}

// Found by due time in a table that keeps what is closed.
async function waiting(db: Kysely<unknown>): Promise<void> {
  await sql`create index payment_request_waiting on payments.payment_request (due_at) where status = 'PENDING'`.execute(
    db,
  );
}

/** The feature's own tables, beside Postdate's in the same database, so that effect and ledger commit together. */
export const paymentsSchema: SchemaMigrations = {
  schema: 'payments',
  migrations: { '0001-payment-requests': { up }, '0002-waiting': { up: waiting } },
};
