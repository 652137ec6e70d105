import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- Where events are sent, and which.
  create table postdate.webhook (
    id                text        primary key,
    url               text        not null,
    -- whose events; '*' for everybody's
    tenant            text        not null,
    -- null for all
    topics            text[],
    types             text[],
    created_at        timestamptz not null default clock_timestamp(),
    -- where the stream ended when it was registered: it is sent what comes after
    after_position    bigint      not null,
    disabled_at       timestamptz,
    disabled_reason   text,
    -- events from here on have not been queued for it; enabled again, it is given them
    disabled_position bigint,
    -- tries that failed since the last that did not
    failures          integer     not null default 0,
    failing_since     timestamptz,
    -- as its Retry-After asked for
    resting_until     timestamptz,
    check ((disabled_at is null) = (disabled_reason is null) and (disabled_at is null) = (disabled_position is null))
  )`.execute(db);
  await sql`
  -- As they are, because whoever signs needs them so.
  create table postdate.webhook_secret (
    webhook_id text        not null references postdate.webhook on delete cascade,
    secret     bytea       not null,
    created_at timestamptz not null default clock_timestamp(),
    -- until then it signs beside the present one; null for the present one
    ends_at    timestamptz
  )`.execute(db);
  await sql`
  create unique index webhook_secret_present on postdate.webhook_secret (webhook_id) where ends_at is null`.execute(db);
  await sql`
  -- An event on its way to a webhook: what waits, and afterwards the log.
  create table postdate.webhook_delivery (
    webhook_id  text        not null references postdate.webhook on delete cascade,
    -- the event's, in the stream
    position    bigint      not null,
    -- 0 the first time, 1, 2 … when somebody had it sent again
    replay      integer     not null default 0,
    event_id    text        not null,
    -- topic and subject: of one, events are sent in order
    entity      text        not null,
    queued_at   timestamptz not null default clock_timestamp(),
    tries       integer     not null default 0,
    -- also the end of the time that the worker has to whom it was given; null when it has ended
    next_try_at timestamptz default clock_timestamp(),
    claimed_by  text,
    tried_at    timestamptz,
    -- of the last answer
    status      integer,
    -- why the last try failed
    failure     text,
    ended_at    timestamptz,
    outcome     text        check (outcome in ('delivered', 'failed')),
    primary key (webhook_id, position, replay),
    check ((next_try_at is null) = (ended_at is not null) and (ended_at is null) = (outcome is null))
  )`.execute(db);
  await sql`
  create index webhook_delivery_waiting on postdate.webhook_delivery (webhook_id, next_try_at)
   where next_try_at is not null`.execute(db);
  await sql`
  create index webhook_delivery_order on postdate.webhook_delivery (webhook_id, entity, position, replay)
   where next_try_at is not null`.execute(db);
  await sql`create index webhook_delivery_ended on postdate.webhook_delivery using brin (ended_at)`.execute(db);
}
