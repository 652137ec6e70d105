import { type Kysely, sql } from 'kysely';

/** Events that a reader of the stream has left behind its position, because they cannot be sent for now. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  create table postdate.set_aside (
    -- the reader's name in postdate.consumer; a key to that table would take a lock that its readers wait for
    consumer      text        not null,
    -- the event's, in the stream
    position      bigint      not null,
    event_id      text        not null,
    -- topic and subject: of one, events are sent in order. Of a row that holds no event, a name of its own
    entity        text        not null,
    -- the position of the event of its entity that it waits behind; null for one that was refused itself
    behind        bigint,
    reason        text        not null,
    set_aside_at  timestamptz not null default clock_timestamp(),
    tries         integer     not null default 0,
    -- only the first of an entity has it: when the entity is tried again; null until an operator asks for that
    next_try_at   timestamptz,
    ended_at      timestamptz,
    outcome       text        check (outcome in ('sent', 'skipped')),
    primary key (consumer, position),
    check ((ended_at is null) = (outcome is null))
  )`.execute(db);
  await sql`
  create index set_aside_waiting on postdate.set_aside (consumer, entity, position) where ended_at is null`.execute(db);
  await sql`
  create index set_aside_due on postdate.set_aside (consumer, next_try_at)
   where ended_at is null and next_try_at is not null`.execute(db);
  await sql`create index set_aside_position on postdate.set_aside (position) where ended_at is null`.execute(db);
}
