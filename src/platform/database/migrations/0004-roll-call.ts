import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- When the roll of a topic's messages may be called next, so that one worker at a time does it. Unlogged: after a crash
  -- it is called at once.
  create unlogged table postdate.roll_call (
    topic   text        primary key,
    next_at timestamptz not null
  )`.execute(db);
}
