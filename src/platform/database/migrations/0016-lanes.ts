import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- which lane landed it, and why that one; null in what is withdrawn, and in what landed before there were lanes
  alter table postdate.delivery add column lane text, add column lane_reason text`.execute(db);
  await sql`
  create index delivery_lane on postdate.delivery (topic, lane, decided_at) where lane <> 'stable'`.execute(db);
  await sql`
  -- for whose workers it is held, whoever has it in memory now
  alter table postdate.held add column lane text not null default 'stable'`.execute(db);
  await sql`create index held_lane on postdate.held (topic) where lane <> 'stable'`.execute(db);
  await sql`
  alter table postdate.worker
    add column lane   text   not null default 'stable',
    -- null in a worker of a release without lanes
    add column topics text[],
    add column build  text`.execute(db);
  await sql`
  create table postdate.lane (
    topic  text  not null,
    lane   text  not null check (lane ~ '^[a-z0-9][a-z0-9-]{0,39}$' and lane <> 'stable'),
    mode   text  not null check (mode in ('live', 'shadow', 'stopped')),
    -- what stops it by itself
    limits jsonb not null,
    -- the steps that are left of a ramp, and how long each lasts; null without one
    ramp   jsonb,
    primary key (topic, lane)
  )`.execute(db);
  await sql`
  -- Which lane a message takes when it wakes: the first rule in order of place that matches. What match says is read with
  -- care: a rule that cannot be read is skipped, and shown.
  create table postdate.lane_rule (
    id     bigint      primary key generated always as identity,
    topic  text        not null,
    place  integer     not null,
    lane   text        not null,
    match  jsonb       not null,
    reason text        not null,
    author text        not null,
    set_at timestamptz not null default clock_timestamp()
  )`.execute(db);
  await sql`create index lane_rule_topic on postdate.lane_rule (topic, place)`.execute(db);
  await sql`
  -- Raised by every change of a topic's lanes and rules, by whatever means.
  create table postdate.lane_version (
    topic   text   primary key,
    version bigint not null
  )`.execute(db);
  await sql`
  -- Whoever lands in a lane holds the topic's lanes as they are, and whoever changes them has them alone: once a change has
  -- committed, nothing lands by the rules before it. Not by the row's own lock: one shared by landings that follow each other
  -- without a gap is never free, and a lane under load could not be stopped. Here who waits comes before who comes later.
  create function postdate.change_lanes(of_topic text) returns void language sql as $$
    select pg_advisory_xact_lock(hashtextextended('postdate.lanes:' || of_topic, 0))
  $$`.execute(db);
  await sql`
  create function postdate.hold_lanes(of_topic text) returns bigint language plpgsql as $$
  begin
    perform pg_advisory_xact_lock_shared(hashtextextended('postdate.lanes:' || of_topic, 0));
    -- A statement of its own, which sees what was committed while this one waited.
    return (select version from postdate.lane_version where topic = of_topic);
  end $$`.execute(db);
  await sql`
  create function postdate.raise_lane_version() returns trigger language plpgsql as $$
  declare changed text;
  begin
    for changed in
      select topic from (values (case when tg_op <> 'DELETE' then new.topic end), (case when tg_op <> 'INSERT' then old.topic end))
        as given (topic) where topic is not null group by topic order by topic
    loop
      perform postdate.change_lanes(changed);
      insert into postdate.lane_version as known (topic, version) values (changed, 1)
      on conflict (topic) do update set version = known.version + 1;
    end loop;
    return null;
  end $$`.execute(db);
  for (const table of ['lane', 'lane_rule']) {
    await sql`
    create trigger raise_lane_version after insert or update or delete on ${sql.table(`postdate.${table}`)}
      for each row execute function postdate.raise_lane_version()`.execute(db);
  }
  await sql`
  -- Every change by a command, a guard or a ramp: what was, what is, who and why. Rows are only ever added.
  create table postdate.lane_change (
    id         bigint      primary key generated always as identity,
    topic      text        not null,
    lane       text        not null,
    what       text        not null check (what in ('set', 'ramp', 'step', 'stop')),
    before     jsonb       not null,
    after      jsonb       not null,
    reason     text        not null,
    author     text        not null,
    version    bigint      not null,
    changed_at timestamptz not null default clock_timestamp()
  )`.execute(db);
  await sql`create index lane_change_lane on postdate.lane_change (topic, lane, id)`.execute(db);
  await sql`
  -- What a lane failed at, and stable landed in its place.
  create table postdate.lane_failure (
    id        bigint      primary key generated always as identity,
    topic     text        not null,
    lane      text        not null,
    tenant    text        not null,
    key       text        not null,
    cycle     integer     not null,
    why       text        not null,
    failed_at timestamptz not null default clock_timestamp(),
    -- stable may miss it at the moment at which the lane gives it up
    unique (topic, lane, tenant, key, cycle)
  )`.execute(db);
  await sql`create index lane_failure_lane on postdate.lane_failure (topic, lane, failed_at)`.execute(db);
}
