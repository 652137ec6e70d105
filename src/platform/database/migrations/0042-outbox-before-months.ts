import { type Kysely, sql } from 'kysely';

/** Reads the outbox once, beside those that write to it: the next step need not read it then. */
export async function up(db: Kysely<unknown>): Promise<void> {
  // A large outbox takes longer to read than a statement may last.
  await sql`set local statement_timeout = 0`.execute(db);
  await sql`alter table postdate.outbox validate constraint outbox_before_months`.execute(db);
}
