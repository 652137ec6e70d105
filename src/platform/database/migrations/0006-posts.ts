import { type Kysely, sql } from 'kysely';

// By whom a cycle was used, where the producer did not name it: the same post repeated finds its own row, and another
// post of the same name goes on to the next free cycle, long after Temporal has forgotten the first.
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table postdate.delivery add column post_id text`.execute(db);
}
