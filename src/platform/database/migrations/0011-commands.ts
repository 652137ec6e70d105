import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- The topics that workers on this database serve, as the one that started last has declared them.
  create table postdate.topic (
    name            text             primary key,
    lead_ms         double precision not null,
    -- the present form of its payload
    payload_version integer          not null,
    -- its messages are posted with the cycle that their row waits for, and do not repeat
    has_rows        boolean          not null,
    registered_at   timestamptz      not null default clock_timestamp()
  )`.execute(db);
  await sql`
  -- What producers want of messages, committed with their own rows; dispatchers take it to Temporal.
  create table postdate.command (
    topic         text        not null,
    tenant        text        not null,
    key           text        not null,
    command_id    text        not null,
    what          text        not null check (what in ('schedule', 'cancel', 'move')),
    body          jsonb       not null,
    -- the order of the commands to one message
    seq           bigint      not null generated always as identity,
    posted_at     timestamptz not null default clock_timestamp(),
    tries         integer     not null default 0,
    -- also the end of the time that the dispatcher has to whom it was given
    next_try_at   timestamptz not null default clock_timestamp(),
    claimed_by    text,
    -- why the last try failed
    failure       text,
    dispatched_at timestamptz,
    answer        jsonb,
    -- a repeated command is the same command
    primary key (topic, tenant, key, command_id),
    check ((dispatched_at is null) = (answer is null))
  )`.execute(db);
  await sql`create index command_waiting on postdate.command (seq) where dispatched_at is null`.execute(db);
  await sql`create index command_dispatched on postdate.command using brin (dispatched_at)`.execute(db);
}
