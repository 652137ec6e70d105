import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
  -- What shadow lanes are still to try. Unlogged, like what is held: after a crash a few messages are not compared.
  create unlogged table postdate.shadow_copy (
    topic         text        not null,
    lane          text        not null,
    tenant        text        not null,
    key           text        not null,
    cycle         integer     not null,
    delivery      jsonb       not null,
    due_at        timestamptz not null,
    -- the observed rows shortly before stable landed it, and when that was; null until then
    before        jsonb,
    read_at       timestamptz,
    -- where the stream was by then: what is told of it has a later place, or none yet
    read_position bigint,
    -- by whomever; one that died leaves it to the next
    taken_at      timestamptz,
    primary key (topic, lane, tenant, key, cycle)
  )`.execute(db);
  await sql`create index shadow_copy_due on postdate.shadow_copy (topic, lane, due_at)`.execute(db);
  await sql`
  -- What came of each: one row, however many shadows there are.
  create table postdate.shadow_comparison (
    topic        text        not null,
    lane         text        not null,
    tenant       text        not null,
    key          text        not null,
    cycle        integer     not null,
    -- of the shadow's worker, if it says
    build        text,
    compared_at  timestamptz not null default clock_timestamp(),
    -- why it could not be compared; null if it was
    not_compared text,
    different    boolean     not null,
    kinds        text[]      not null,
    -- false where the topic says of no rows which are to be compared
    rows_compared boolean    not null,
    -- the first examples of each kind only
    detail       jsonb,
    primary key (topic, lane, tenant, key, cycle),
    check (different = (cardinality(kinds) > 0)),
    check (not_compared is null or not different)
  )`.execute(db);
  await sql`
  create index shadow_comparison_compared on postdate.shadow_comparison (topic, lane, compared_at)
    include (different) where not_compared is null`.execute(db);
  await sql`
  create index shadow_comparison_examples on postdate.shadow_comparison (topic, lane) where detail is not null`.execute(
    db,
  );
  await sql`create index shadow_comparison_age on postdate.shadow_comparison using brin (compared_at)`.execute(db);
  await sql`
  -- Whoever writes a row here can never commit: a handler on trial does not know that it is.
  create unlogged table postdate.shadow_seal (sealed boolean not null)`.execute(db);
  await sql`
  create function postdate.refuse_commit() returns trigger language plpgsql as $$
  begin
    raise exception 'a shadow lane''s transaction is never committed' using errcode = 'PDSHW';
  end $$`.execute(db);
  await sql`
  create constraint trigger refuse_commit after insert on postdate.shadow_seal
    deferrable initially deferred for each row execute function postdate.refuse_commit()`.execute(db);
}
