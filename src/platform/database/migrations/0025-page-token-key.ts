import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- By which all processes of the HTTP API sign the page tokens of their lists. Another key makes the tokens that are
  -- out invalid, and has no other effect.
  create table postdate.page_token_key (
    is_only boolean     primary key default true check (is_only),
    key     bytea       not null check (octet_length(key) = 32),
    made_at timestamptz not null default clock_timestamp()
  )`.execute(db);
  // Two random ids have 244 random bits, of PostgreSQL's own strong source.
  await sql`
  insert into postdate.page_token_key (key)
  values (decode(replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex'))`.execute(db);
}
