import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- When a round of work that one worker does for all may begin again. Unlogged: after a crash it begins at once.
  -- In place of postdate.roll_call, which stays as long as workers of the release before may run.
  create unlogged table postdate.turn (
    name    text        primary key,
    next_at timestamptz not null
  )`.execute(db);
}
