import { type Kysely, sql } from 'kysely';

/**
 * When a landing that took long claimed the row. `decided_at` is then the landing's end. Null: the two are one instant, as in
 * the rows of releases before, of quick landings and of withdrawals.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table postdate.delivery add column claimed_at timestamptz`.execute(db);
}
