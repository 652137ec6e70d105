import { type Kysely, sql } from 'kysely';

/**
 * What a dispatcher has refused, in a table of its own, and functions that refuse more at once: a number that JSON's
 * readers would change, and a command id that was used for another command.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [refused, byMessage, isExact, checkExact, checkRepeated, revoke, schedule, cancel, move]) {
    await definition.execute(db);
  }
}

const refused = sql`
  create table postdate.refused_command (
    -- of the command
    seq        bigint      primary key,
    topic      text        not null,
    tenant     text        not null,
    key        text        not null,
    command_id text        not null,
    what       text        not null,
    -- when the message would have been due; null of a cancel
    due_at     timestamptz,
    code       text        not null,
    field      text        not null,
    problem    text        not null,
    refused_at timestamptz not null default clock_timestamp()
  )`;
const byMessage = sql`create index refused_command_message on postdate.refused_command (topic, tenant, key)`;

// As src/message/exact-json.ts says it. A text of 17 digits is not the number that a double makes of it.
const isExact = sql`
  create function postdate.is_exact(number numeric) returns boolean
  language sql immutable set extra_float_digits = 1 as $$
    select case when number = trunc(number) then abs(number) <= 9007199254740991
                when abs(number) not between 4.9406564584124654e-324 and 9007199254740991 then false
                else number::float8::text::numeric = number end
  $$`;

const checkExact = sql`
  create function postdate.check_exact(document jsonb, field text) returns void
  language plpgsql as $$
  declare
    inexact text;
  begin
    with recursive part (path, value) as (
      select check_exact.field, check_exact.document
      union all
      select part.path || '.' || child.name, child.value
        from part cross join lateral (
          select name, value
            from jsonb_each(case jsonb_typeof(part.value) when 'object' then part.value end) as given (name, value)
          union all
          select (place - 1)::text, value
            from jsonb_array_elements(case jsonb_typeof(part.value) when 'array' then part.value end)
              with ordinality as given (value, place)) as child
    )
    select left(path, 200) into inexact from part
     where jsonb_typeof(value) = 'number' and not postdate.is_exact((value #>> '{}')::numeric)
     order by path limit 1;
    if found then
      perform postdate.refuse('unsafeNumber', inexact, 'must be a number that a double holds exactly; write it as text',
        'Whole numbers go up to 9007199254740991, others have about 15 digits.');
    end if;
  end $$`;

// "on conflict" has waited for the other transaction, so its command is there, unless it was removed for its age.
const checkRepeated = sql`
  create function postdate.check_repeated(
    topic text, tenant text, key text, id text, what text, body jsonb
  ) returns void
  language plpgsql as $$
  declare
    first postdate.command;
    other text;
  begin
    select * into first from postdate.command as stored
     where stored.topic = check_repeated.topic and stored.tenant = check_repeated.tenant
       and stored.key = check_repeated.key and stored.command_id = check_repeated.id;
    if not found then return; end if;
    if first.what <> check_repeated.what then
      other := 'commandId';
    else
      select name into other
        from (select jsonb_object_keys(first.body) union select jsonb_object_keys(check_repeated.body)) as given (name)
       where first.body -> name is distinct from check_repeated.body -> name
       order by name limit 1;
    end if;
    if other is not null then
      perform postdate.refuse('commandIdReused', other, 'was another one when this command id was used first',
        'Repeat a command as it was, or give the other command an id of its own.');
    end if;
  end $$`;

const revoke = sql`
  revoke execute on function postdate.is_exact, postdate.check_exact, postdate.check_repeated from public`;

const schedule = sql`
  create or replace function postdate.schedule(
    topic text, tenant text, key text, due_at timestamptz, payload jsonb default '{}',
    cycle bigint default null, repeat jsonb default null, stale_after interval default null,
    on_conflict text default 'reject', command_id text default null, payload_version integer default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    known postdate.topic := postdate.check_message(topic, tenant, key, command_id);
    id text := coalesce(command_id, gen_random_uuid()::text);
    body jsonb;
  begin
    perform postdate.check_cycle(cycle, 'cycle');
    perform postdate.check_due_at(due_at);
    if postdate.compact_bytes(payload) > 16384 then
      perform postdate.refuse('payloadTooLarge', 'payload', 'must be at most 16384 bytes as JSON',
        'Keep documents in tables of your own, and put their ids here.');
    end if;
    perform postdate.check_exact(payload, 'payload');
    if stale_after < interval '0' or not isfinite(stale_after) then
      perform postdate.refuse('invalidStaleAfter', 'staleAfterMs', 'must be a finite interval from 0',
        'Later than this after its due time the message is skipped. Leave it out for the topic''s own.');
    end if;
    if jsonb_typeof(repeat) <> 'object' or (repeat is not null and known.has_rows) then
      perform postdate.refuse('invalidRepeat', 'repeat', case when known.has_rows
          then 'is for topics without businessRows; a handler answers "again" instead'
          else 'must have one of every and cron' end, 'For example {"every": "P1M", "zone": "Europe/Amsterdam"}.');
    end if;
    if cycle is null and known.has_rows then
      perform postdate.refuse('invalidCycle', 'cycle', 'must be the cycle that the row waits for',
        'This topic has business rows: post the message with the cycle of its row.');
    end if;
    if (on_conflict in ('reject', 'keep', 'move')) is not true then
      perform postdate.refuse('invalidOnConflict', 'onConflict', 'must be reject, keep or move',
        'It says what becomes of a message of the same name that waits already.');
    end if;
    body := jsonb_strip_nulls(jsonb_build_object(
        -- up, as a message that is early by less than a millisecond is early
        'dueAt', ceil(extract(epoch from due_at) * 1000),
        'cycle', cycle,
        'repeat', repeat,
        'staleAfterMs', extract(epoch from stale_after) * 1000,
        'onConflict', on_conflict,
        'payloadVersion', coalesce(payload_version, known.payload_version)
      )) || jsonb_build_object('payload', coalesce(payload, 'null'));
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'schedule', body)
    on conflict do nothing;
    if not found then
      -- The topic may have got another version since, and the caller has not named one.
      if payload_version is null then
        body := body || (select jsonb_build_object('payloadVersion', stored.body->'payloadVersion')
                           from postdate.command as stored
                          where stored.topic = topic and stored.tenant = tenant and stored.key = key
                            and stored.command_id = id and stored.what = 'schedule');
      end if;
      perform postdate.check_repeated(topic, tenant, key, id, 'schedule', body);
    end if;
    return id;
  end $$`;

const cancel = sql`
  create or replace function postdate.cancel(
    topic text, tenant text, key text, reason text default null, command_id text default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    id text := coalesce(command_id, gen_random_uuid()::text);
    body jsonb := jsonb_strip_nulls(jsonb_build_object('reason', left(reason, 2000)));
  begin
    perform postdate.check_message(topic, tenant, key, command_id);
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'cancel', body)
    on conflict do nothing;
    if not found then perform postdate.check_repeated(topic, tenant, key, id, 'cancel', body); end if;
    return id;
  end $$`;

const move = sql`
  create or replace function postdate.move(
    topic text, tenant text, key text, due_at timestamptz,
    cycle bigint default null, expected_cycle bigint default null, command_id text default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    id text := coalesce(command_id, gen_random_uuid()::text);
    body jsonb;
  begin
    perform postdate.check_message(topic, tenant, key, command_id);
    perform postdate.check_due_at(due_at);
    perform postdate.check_cycle(cycle, 'cycle');
    perform postdate.check_cycle(expected_cycle, 'expectedCycle');
    body := jsonb_strip_nulls(jsonb_build_object(
      'dueAt', ceil(extract(epoch from due_at) * 1000), 'cycle', cycle, 'expectedCycle', expected_cycle));
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'move', body)
    on conflict do nothing;
    if not found then perform postdate.check_repeated(topic, tenant, key, id, 'move', body); end if;
    return id;
  end $$`;
