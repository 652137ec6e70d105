import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- whether its responses to forwarded messages are answers; a webhook that only observes must decide nothing
  alter table postdate.webhook add column answers boolean not null default false`.execute(db);
  // Until now every webhook could answer. Those that are sent forwarded messages go on as they were.
  await sql`
  update postdate.webhook set answers = true
   where types is null or exists (select from unnest(types) as type where type like '%.due')`.execute(db);
}
