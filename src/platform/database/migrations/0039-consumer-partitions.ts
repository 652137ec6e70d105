import { type Kysely, sql } from 'kysely';

/** Consumers with partitions, and the event at which a partition stands. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  alter table postdate.consumer
    -- null for a consumer with several partitions, each of which has a row of its own. So a worker of the release before, which
    -- knows no partitions, handles none of its events, and removes none
    alter column position drop not null,
    -- of a partition's row: its consumer
    add column part_of         text    references postdate.consumer on delete cascade,
    -- the place of the partition, from 0, and how many there are
    add column partition       integer not null default 0,
    add column partitions      integer not null default 1 check (partitions > 0),
    -- rounds in a row that ended at an event that it could not handle: at which, since when, and why
    add column failures        integer not null default 0,
    add column failed_position bigint,
    add column failed_since    timestamptz,
    add column failure         text,
    -- whether its connection broke at that event, and with it the round
    add column broke           boolean not null default false,
    add column next_try_at     timestamptz,
    -- also against a replay by the release before, which would make one more partition of the consumer's own row
    add check (case when part_of is null then (position is null) = (partitions > 1) else position is not null end)`.execute(
    db,
  );
  await sql`
  -- How a consumer was divided before, where its partitions were at different positions then: an event up to the position of
  -- its former partition has been handled.
  create table postdate.former_partitions (
    id        bigint   generated always as identity primary key,
    consumer  text     not null,
    -- by the place of the partition
    positions bigint[] not null
  )`.execute(db);
  await sql`create index former_partitions_consumer on postdate.former_partitions (consumer)`.execute(db);
}
