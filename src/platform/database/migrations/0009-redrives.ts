import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- Who had a failed cycle tried again, and why. One per failed cycle, however often the command is repeated.
  create table postdate.redrive (
    topic        text        not null,
    tenant       text        not null,
    key          text        not null,
    failed_cycle integer     not null,
    -- the new cycle
    cycle        integer     not null check (cycle > failed_cycle),
    redriven_by  text        not null,
    reason       text        not null,
    redriven_at  timestamptz not null default clock_timestamp(),
    primary key (topic, tenant, key, failed_cycle)
  )`.execute(db);
  await sql`create index delivery_failed on postdate.delivery (topic, tenant, key, cycle) where outcome = 'failed'`.execute(
    db,
  );
}
