import { type Kysely, sql } from 'kysely';

/**
 * When an event was written, by which the outbox is divided into months. An event of before has no such instant, and is before
 * all months. The constraint says so of the rows that are there, so that no later step reads them under a lock.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  alter table postdate.outbox
    add column appended_at timestamptz not null default '-infinity',
    add constraint outbox_before_months check (appended_at = '-infinity') not valid`.execute(db);
}
