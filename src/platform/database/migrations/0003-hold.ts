import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- Who is at work. A worker that has not been seen for seconds is dead, and what it held is for the others to take.
  -- Unlogged, like what is held: a copy of what Temporal keeps, worth nothing after a crash of this server.
  create unlogged table postdate.worker (
    id      text        primary key,
    seen_at timestamptz not null default clock_timestamp()
  )`.execute(db);
  await sql`
  create unlogged table postdate.held (
    topic   text        not null,
    tenant  text        not null,
    key     text        not null,
    cycle   integer     not null,
    -- whose memory it is in
    worker  text        not null,
    -- the delivery as the activity was given it
    delivery jsonb      not null,
    primary key (topic, tenant, key, cycle)
  )`.execute(db);
  await sql`create index held_worker on postdate.held (worker)`.execute(db);
  await sql`
  -- the next free instant of a topic with a pace, which all workers draw from
  create table postdate.pace (
    topic   text        primary key,
    next_at timestamptz not null
  )`.execute(db);
}
