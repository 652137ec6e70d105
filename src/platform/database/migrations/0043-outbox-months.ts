import { type Kysely, sql } from 'kysely';

/**
 * The outbox becomes a table of months, so that retention drops a month in place of deleting its events. The table of before
 * is attached as it is, as the part before all months. Its name, its columns and the rights to it are the new table's, so
 * workers of the release before go on.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [addMonth, dropMonth, revoke, divide]) await definition.execute(db);
}

// The keys are those of each part. A key of the whole table would have to hold `appended_at`, and would then be no key. In no
// month are the events that none is made for, as after a leap of the clock: an event is never refused.
const addMonth = sql`
  create function postdate.add_outbox_month(any_day date) returns boolean
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    part text := case when any_day is null then 'outbox_default' else to_char(any_day, '"outbox_"YYYY_MM') end;
    starts_at timestamp := date_trunc('month', any_day::timestamp);
    instant text := 'YYYY-MM-DD HH24:MI:SS"+00"';
    granted record;
  begin
    if to_regclass('postdate.' || part) is not null then return false; end if;
    execute format('create table postdate.%I (like postdate.outbox, primary key (id))', part);
    execute format('create unique index on postdate.%I (position) where position is not null', part);
    execute format('create index on postdate.%I (seq) where position is null', part);
    execute format('create index on postdate.%I using brin (relayed_at)', part);
    for granted in
      select privilege_type, case grantee when 0 then 'public' else grantee::regrole::text end as role
        from pg_class, aclexplode(relacl) where pg_class.oid = 'postdate.outbox'::regclass and grantee <> relowner
    loop
      execute format('grant %s on postdate.%I to %s', granted.privilege_type, part, granted.role);
    end loop;
    execute format('alter table postdate.outbox attach partition postdate.%I %s', part,
      case when any_day is null then 'default'
           else format('for values from (%L) to (%L)', to_char(starts_at, instant),
                       to_char(starts_at + interval '1 month', instant)) end);
    return true;
  end $$`;

const dropMonth = sql`
  create function postdate.drop_outbox_month(part text) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    if not exists (select from pg_inherits join pg_class on pg_class.oid = inhrelid
                    where inhparent = 'postdate.outbox'::regclass and relname = part
                      and pg_get_expr(relpartbound, pg_class.oid) <> 'DEFAULT') then
      raise exception '% is no month of the outbox', part;
    end if;
    execute format('drop table postdate.%I', part);
  end $$`;

const revoke = sql`
  revoke execute on function postdate.add_outbox_month(date), postdate.drop_outbox_month(text) from public`;

// What names the table of before by its number stays with it, and would miss every new event in silence. Publications are
// brought along; the rest is refused.
const divide = sql`
  do $$
  declare
    former oid := 'postdate.outbox'::regclass;
    this_month timestamp := date_trunc('month', clock_timestamp() at time zone 'UTC');
    behind text;
    last_seq bigint;
    granted record;
    published record;
  begin
    lock table postdate.outbox in access exclusive mode;
    select string_agg(what, ', ' order by what) into behind from (
      select 'the view ' || ev_class::regclass from pg_depend join pg_rewrite on pg_rewrite.oid = objid
       where classid = 'pg_rewrite'::regclass and refclassid = 'pg_class'::regclass and refobjid = former
      union select 'the trigger ' || tgname from pg_trigger
       where tgrelid = former and not tgisinternal and tgname <> 'hint'
      union select 'the policy ' || polname from pg_policy where polrelid = former
      union select 'the constraint ' || conname from pg_constraint where contype = 'f' and former in (conrelid, confrelid)
      union select 'the publication ' || pubname || ', which selects rows or columns,' from pg_publication_rel
        join pg_publication on pg_publication.oid = prpubid
       where prrelid = former and (prattrs is not null or prqual is not null)) as found (what);
    if behind is not null then
      raise exception 'postdate.outbox is divided into months, and % would see no new event', behind
        using hint = 'Drop it, start this release, and create it anew.';
    end if;

    execute format('select last_value from %s', pg_get_serial_sequence('postdate.outbox', 'seq')) into last_seq;
    alter table postdate.outbox alter column seq drop identity;
    drop trigger hint on postdate.outbox;
    alter table postdate.outbox rename to outbox_before_months;
    create table postdate.outbox (like postdate.outbox_before_months) partition by range (appended_at);
    execute format('alter table postdate.outbox owner to %s', (select relowner::regrole from pg_class where oid = former));
    execute format('alter table postdate.outbox alter column appended_at set default now(),
      alter column seq add generated always as identity (start with %s)', last_seq + 1);
    for granted in
      select privilege_type || coalesce(' (' || quote_ident(attname) || ')', '') as what,
             case grantee when 0 then 'public' else grantee::regrole::text end as role,
             case when is_grantable then ' with grant option' else '' end as more
        from (select relowner, null::name as attname, acl.* from pg_class, aclexplode(relacl) as acl where oid = former
              union all
              select relowner, attname, acl.* from pg_class join pg_attribute on attrelid = pg_class.oid,
                     aclexplode(attacl) as acl where pg_class.oid = former) as every
       where grantee <> relowner
    loop
      execute format('grant %s on postdate.outbox to %s%s', granted.what, granted.role, granted.more);
    end loop;
    create trigger hint after insert on postdate.outbox for each statement execute function postdate.hint('events');

    execute format('alter table postdate.outbox attach partition postdate.outbox_before_months
      for values from (minvalue) to (%L)', to_char(this_month, 'YYYY-MM-DD HH24:MI:SS"+00"'));
    -- a clock that is set back by a moment may put an event there
    alter table postdate.outbox_before_months drop constraint outbox_before_months;
    perform postdate.add_outbox_month(null);
    for ahead in 0..2 loop
      perform postdate.add_outbox_month((this_month + make_interval(months => ahead))::date);
    end loop;

    for published in
      select pubname, pubviaroot, prrelid is not null as by_name
        from pg_publication left join pg_publication_rel on prpubid = pg_publication.oid and prrelid = former
       where puballtables or prrelid is not null
          or exists (select from pg_publication_namespace
                      where pnpubid = pg_publication.oid and pnnspid = 'postdate'::regnamespace)
    loop
      if not published.pubviaroot then
        execute format('alter publication %I set (publish_via_partition_root = true)', published.pubname);
      end if;
      if published.by_name then
        execute format('alter publication %I add table postdate.outbox', published.pubname);
        execute format('alter publication %I drop table postdate.outbox_before_months', published.pubname);
      end if;
    end loop;
    if not exists (select from postdate.outbox_before_months) then drop table postdate.outbox_before_months; end if;
  end $$`;
