import { type Kysely, sql } from 'kysely';

/** The waiting commands by when they are due: to look for those that are due soon must not take a step for each tenant. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index dispatch_queue_due on postdate.dispatch_queue (due_at)`.execute(db);
}
