import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- Up to when rows of a table may have been removed for their age, so that nobody takes them for lost.
  create table postdate.retention (
    what   text        primary key check (what in ('ledger', 'outbox')),
    before timestamptz not null
  )`.execute(db);
  await sql`create index outbox_relayed on postdate.outbox using brin (relayed_at)`.execute(db);
}
