import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  create table postdate.delivery (
    topic       text        not null,
    tenant      text        not null,
    key         text        not null,
    cycle       integer     not null check (cycle >= 1),
    outcome     text        not null check (outcome in ('delivered', 'cancelled', 'moved', 'skipped', 'failed')),
    due_at      timestamptz not null,
    -- clock_timestamp(), not now(): the instant of the decision, not of the transaction's begin
    decided_at  timestamptz not null default clock_timestamp(),
    -- was already due when it was posted
    late        boolean     not null,
    -- the cycle that follows: of a move, or of a handler's "again"
    next_cycle  integer     check (next_cycle > cycle),
    next_due_at timestamptz,
    reason      text,
    command_id  text,
    -- one row, one outcome: whoever inserts it has decided
    primary key (topic, tenant, key, cycle),
    -- a command that won is never applied a second time, however late it is repeated
    unique (topic, tenant, key, command_id),
    -- never early
    check (outcome in ('cancelled', 'moved') or decided_at >= due_at),
    check ((next_cycle is null) = (next_due_at is null)),
    check (outcome <> 'moved' or next_cycle is not null)
  )`.execute(db);
}
