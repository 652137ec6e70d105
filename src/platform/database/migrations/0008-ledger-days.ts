import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- A seal on each day of the ledger, over its rows and the seal of the day before.
  create table postdate.ledger_day (
    -- UTC, of decided_at
    day       date        primary key,
    decisions bigint      not null,
    hash      text        not null,
    sealed_at timestamptz not null default clock_timestamp()
  )`.execute(db);
  // Rows are appended in the order of this column, so that ranges of blocks tell a day; a tree would cost every landing.
  await sql`create index delivery_decided on postdate.delivery using brin (decided_at)`.execute(db);
}
