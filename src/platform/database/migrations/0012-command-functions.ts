import { type Kysely, sql } from 'kysely';

/**
 * What producers call in their own transactions, in whatever language: `postdate.schedule`, `cancel` and `move`. Their names
 * and those of their parameters are stable. They check all that can be checked without the topic's schema, and run with
 * the rights of their owner, so that a producer needs none on the tables. A refusal is an error PD001, whose detail is JSON with
 * `code` and `field`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [refuse, checkMessage, checkDueAt, checkCycle, compactBytes, schedule, cancel, move]) {
    await definition.execute(db);
  }
}

const refuse = sql`
  create function postdate.refuse(code text, field text, problem text, hint text) returns void
  language plpgsql as $$
  begin
    raise exception using
      errcode = 'PD001',
      message = refuse.field || ': ' || refuse.problem,
      detail = json_build_object('code', refuse.code, 'field', refuse.field)::text,
      hint = refuse.hint;
  end $$`;

// Collation C, in which a range of letters is what it looks like.
const checkMessage = sql`
  create function postdate.check_message(topic text, tenant text, key text, command_id text) returns postdate.topic
  language plpgsql as $$
  declare
    known postdate.topic;
    part text := '^[A-Za-z0-9._-]+$';
    letters text := 'must be one or more of A-Z a-z 0-9 . _ -';
    as_id text := 'It becomes part of a workflow id, where everyone can read it: an id of yours, no name or address.';
  begin
    if command_id is not null and (command_id collate "C" ~ '^[!-~]{1,128}$') is not true then
      perform postdate.refuse('invalidCommandId', 'commandId', 'must be 1 to 128 visible ASCII characters',
        'Leave it out, or give an id of your own by which a repeated call is recognised.');
    end if;
    if (topic collate "C" ~ part) is not true then perform postdate.refuse('invalidTopic', 'topic', letters, as_id); end if;
    if (tenant collate "C" ~ part) is not true then perform postdate.refuse('invalidTenant', 'tenant', letters, as_id); end if;
    if (key collate "C" ~ part) is not true then perform postdate.refuse('invalidKey', 'key', letters, as_id); end if;
    if length('postdate:' || topic || ':' || tenant || ':' || key) > 255 then
      perform postdate.refuse('idTooLong', 'key', 'the workflow id would be longer than 255 bytes',
        'The id is postdate:<topic>:<tenant>:<key>. Use a shorter key.');
    end if;
    select * into known from postdate.topic as registered where registered.name = check_message.topic;
    if not found then
      perform postdate.refuse('unknownTopic', 'topic', 'no worker has registered ' || topic,
        'Start a worker that serves this topic on this database; postdate.topic has those that are known.');
    end if;
    return known;
  end $$`;

const checkDueAt = sql`
  create function postdate.check_due_at(due_at timestamptz) returns void
  language plpgsql as $$
  begin
    if due_at is null or not isfinite(due_at) or due_at < timestamptz '0001-01-01 00:00:00+00' then
      perform postdate.refuse('invalidDueAt', 'dueAt', 'must be an instant from the year 1',
        'Neither null nor infinity is one.');
    end if;
    if due_at > clock_timestamp() + make_interval(secs => 20 * 365.25 * 86400) then
      perform postdate.refuse('dueAtTooFar', 'dueAt', 'must be at most 20 years ahead',
        'Post it later, or have an earlier message post it.');
    end if;
  end $$`;

const checkCycle = sql`
  create function postdate.check_cycle(cycle bigint, field text) returns void
  language plpgsql as $$
  begin
    if cycle not between 1 and 2147483647 then
      perform postdate.refuse('invalidCycle', field, 'must be a whole number from 1', 'Leave it out, or count from 1.');
    end if;
  end $$`;

// As other programs write JSON: jsonb's text has a space after each comma and colon, of which those in strings count.
const compactBytes = sql`
  create function postdate.compact_bytes(document jsonb) returns integer
  language sql immutable as $$
    select case when octet_length(document::text) not between 16385 and 32768 then octet_length(document::text)
                else octet_length(regexp_replace(document::text, '("(?:[^"\\\\]|\\\\.)*")|([:,]) ', '\\1\\2', 'g')) end
  $$`;

const schedule = sql`
  create function postdate.schedule(
    topic text, tenant text, key text, due_at timestamptz, payload jsonb default '{}',
    cycle bigint default null, repeat jsonb default null, stale_after interval default null,
    on_conflict text default 'reject', command_id text default null, payload_version integer default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    known postdate.topic := postdate.check_message(topic, tenant, key, command_id);
    id text := coalesce(command_id, gen_random_uuid()::text);
  begin
    perform postdate.check_cycle(cycle, 'cycle');
    perform postdate.check_due_at(due_at);
    if postdate.compact_bytes(payload) > 16384 then
      perform postdate.refuse('payloadTooLarge', 'payload', 'must be at most 16384 bytes as JSON',
        'Keep documents in tables of your own, and put their ids here.');
    end if;
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
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'schedule',
      jsonb_strip_nulls(jsonb_build_object(
        -- up, as a message that is early by less than a millisecond is early
        'dueAt', ceil(extract(epoch from due_at) * 1000),
        'cycle', cycle,
        'repeat', repeat,
        'staleAfterMs', extract(epoch from stale_after) * 1000,
        'onConflict', on_conflict,
        'payloadVersion', coalesce(payload_version, known.payload_version)
      )) || jsonb_build_object('payload', coalesce(payload, 'null')))
    on conflict do nothing;
    return id;
  end $$`;

const cancel = sql`
  create function postdate.cancel(
    topic text, tenant text, key text, reason text default null, command_id text default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    id text := coalesce(command_id, gen_random_uuid()::text);
  begin
    perform postdate.check_message(topic, tenant, key, command_id);
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'cancel', jsonb_strip_nulls(jsonb_build_object('reason', left(reason, 2000))))
    on conflict do nothing;
    return id;
  end $$`;

const move = sql`
  create function postdate.move(
    topic text, tenant text, key text, due_at timestamptz,
    cycle bigint default null, expected_cycle bigint default null, command_id text default null
  ) returns text
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    id text := coalesce(command_id, gen_random_uuid()::text);
  begin
    perform postdate.check_message(topic, tenant, key, command_id);
    perform postdate.check_due_at(due_at);
    perform postdate.check_cycle(cycle, 'cycle');
    perform postdate.check_cycle(expected_cycle, 'expectedCycle');
    insert into postdate.command (topic, tenant, key, command_id, what, body)
    values (topic, tenant, key, id, 'move', jsonb_strip_nulls(jsonb_build_object(
      'dueAt', ceil(extract(epoch from due_at) * 1000), 'cycle', cycle, 'expectedCycle', expected_cycle)))
    on conflict do nothing;
    return id;
  end $$`;
