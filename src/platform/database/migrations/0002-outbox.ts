import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  create table postdate.outbox (
    -- the CloudEvent's id, so that an effect cannot tell of itself twice
    id            text        primary key,
    aggregatetype text        not null,
    aggregateid   text        not null,
    type          text        not null,
    payload       jsonb       not null,
    -- order of insertion: within one entity the order of its transactions, which lock its row; across entities no promise
    seq           bigint      generated always as identity,
    -- the place in the stream, given by the relay after the commit; null until then
    position      bigint      unique,
    relayed_at    timestamptz
  )`.execute(db);
  await sql`create index outbox_waiting on postdate.outbox (seq) where position is null`.execute(db);
  await sql`
  -- a row of its own, so that positions go on rising when relayed events are removed
  create table postdate.stream_head (
    only_row boolean primary key default true check (only_row),
    position bigint  not null default 0
  )`.execute(db);
  await sql`insert into postdate.stream_head default values`.execute(db);
  await sql`
  create table postdate.consumer (
    name       text        primary key,
    position   bigint      not null check (position >= 0),
    updated_at timestamptz not null default clock_timestamp()
  )`.execute(db);
}
