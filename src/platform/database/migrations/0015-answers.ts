import { type Kysely, sql } from 'kysely';

/**
 * What consumers say of messages that were put on the stream: `postdate.answer`, a table and a function of one name. The
 * ledger's row stays as it was decided; its day may have been sealed long ago.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [forwards, table, open, failed, checkAnswer, known, answer]) await definition.execute(db);
}

// A release that does not know the column leaves it as it is.
const forwards = sql`
  -- its due messages are put on the stream, and answered
  alter table postdate.topic add column forwards boolean not null default false`;

const table = sql`
  create table postdate.answer (
    topic       text    not null,
    tenant      text    not null,
    key         text    not null,
    cycle       integer not null,
    -- after which it is missed; null of a topic that sets no time
    expected_by timestamptz,
    -- null as long as nobody has answered; the first one stays
    answer      text    check (answer in ('done', 'again', 'failed')),
    answered_at timestamptz,
    -- the cycle that "again" has posted
    next_cycle  integer check (next_cycle > cycle),
    next_due_at timestamptz,
    -- of "failed": why, and what the message said, for a redrive that comes when Temporal has forgotten it
    reason      text,
    message     jsonb,
    primary key (topic, tenant, key, cycle),
    check ((answer is null) = (answered_at is null)),
    check (answer is not null or expected_by is not null),
    check ((answer is not distinct from 'again') = (next_cycle is not null)),
    check ((next_cycle is null) = (next_due_at is null)),
    check ((answer is not distinct from 'failed') = (reason is not null))
  )`;
const open = sql`create index answer_open on postdate.answer (topic, expected_by) where answer is null`;
const failed = sql`
  create index answer_failed on postdate.answer (topic, tenant, key, cycle) where answer = 'failed'`;

// Collation C, in which a range of digits is what it looks like.
const checkAnswer = sql`
  create function postdate.check_answer(answer jsonb) returns void
  language plpgsql as $$
  declare
    said text := case when jsonb_typeof(answer) = 'object' then answer->>'do' end;
    wrong text;
    instant text := '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$';
    due_at timestamptz;
  begin
    if (said in ('done', 'again', 'failed')) is not true then
      perform postdate.refuse('invalidAnswer', 'do', 'must be done, again or failed',
        'For example {"do": "again", "dueAt": "2027-01-01T09:00:00Z"}.');
    end if;
    select field into wrong from jsonb_object_keys(answer) as field
     where field <> 'do' and (said, field) not in (('again', 'dueAt'), ('failed', 'reason'))
     order by field limit 1;
    if found then
      perform postdate.refuse(
        case wrong when 'dueAt' then 'invalidDueAt' when 'reason' then 'invalidReason' else 'invalidAnswer' end,
        wrong, 'is no part of this answer', 'Leave it out: "again" has a dueAt, "failed" has a reason, "done" has neither.');
    end if;
    if said = 'again' then
      if (jsonb_typeof(answer->'dueAt') = 'string' and answer->>'dueAt' collate "C" ~ instant) is true then
        begin
          due_at := (answer->>'dueAt')::timestamptz;
        exception when datetime_field_overflow or invalid_datetime_format or invalid_time_zone_displacement_value then
          -- as with 30 February: refused below
          due_at := null;
        end;
      end if;
      if due_at is null then
        perform postdate.refuse('invalidDueAt', 'dueAt', 'must be RFC 3339 with Z or an offset',
          'For example 2027-01-01T09:00:00+01:00.');
      end if;
      perform postdate.check_due_at(due_at);
    end if;
    if said = 'failed' and (jsonb_typeof(answer->'reason') = 'string'
                            and length(answer->>'reason') between 1 and 2000) is not true then
      perform postdate.refuse('invalidReason', 'reason', 'must be a text of 1 to 2000 characters without NUL',
        'It is shown to whoever looks after what has failed.');
    end if;
  end $$`;

const known = sql`
  create function postdate.answer_of(said postdate.answer, result text) returns jsonb
  language sql stable as $$
    select jsonb_strip_nulls(jsonb_build_object(
      'result', result,
      'do', said.answer,
      'answeredAt', to_char(said.answered_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'next', case when said.next_cycle is not null then jsonb_build_object(
        'cycle', said.next_cycle,
        'dueAt', to_char(said.next_due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) end,
      'reason', said.reason))
  $$`;

const answer = sql`
  create function postdate.answer(topic text, tenant text, key text, cycle bigint, answer jsonb) returns jsonb
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    known postdate.topic := postdate.check_message(topic, tenant, key, null);
    said text := answer->>'do';
    first postdate.answer;
    forwarded postdate.delivery;
    event jsonb;
    later integer;
    next_due_at timestamptz;
    id text;
  begin
    if cycle is null then
      perform postdate.refuse('invalidCycle', 'cycle', 'must be a whole number from 1', 'The event of the message has it.');
    end if;
    perform postdate.check_cycle(cycle, 'cycle');
    perform postdate.check_answer(answer);
    if not known.forwards then
      perform postdate.refuse('notAForwardTopic', 'topic', topic || ' has a handler of its own, which answers',
        'Only messages of topics that forward are answered; postdate.topic says which do.');
    end if;
    select * into first from postdate.answer as stored
     where stored.topic = topic and stored.tenant = tenant and stored.key = key and stored.cycle = cycle
       and stored.answer is not null;
    if found then return postdate.answer_of(first, 'answeredBefore'); end if;
    select * into forwarded from postdate.delivery as decided
     where decided.topic = topic and decided.tenant = tenant and decided.key = key and decided.cycle = cycle
       and decided.outcome = 'delivered';
    if not found then
      perform postdate.refuse('notForwarded', 'cycle', 'this cycle was never put on the stream',
        'Answer with the topic, tenant, key and cycle that stand in the data of the event.');
    end if;
    select outbox.payload->'data' into event from postdate.outbox as outbox
     where outbox.id = topic || ':' || tenant || ':' || key || ':' || cycle || ':' || topic || '.due';
    if said = 'again' then
      -- Of a series its next cycle is there already; else somebody has posted it anew, or redriven it.
      select greatest(
          forwarded.next_cycle,
          (select max(decided.cycle) from postdate.delivery as decided
            where decided.topic = topic and decided.tenant = tenant and decided.key = key and decided.cycle > cycle),
          (select max(redriven.cycle) from postdate.redrive as redriven
            where redriven.topic = topic and redriven.tenant = tenant and redriven.key = key and redriven.cycle > cycle))
        into later;
      if later is not null then return jsonb_build_object('result', 'tooLate', 'cycle', later); end if;
      if event is null then
        perform postdate.refuse('payloadRemoved', 'do', 'the event was removed for its age, and its payload with it',
          'Post the message anew, with its payload.');
      end if;
      -- up, as a message that is early by less than a millisecond is early
      next_due_at := to_timestamp(ceil(extract(epoch from (answer->>'dueAt')::timestamptz) * 1000) / 1000);
    end if;
    insert into postdate.answer as stored
      (topic, tenant, key, cycle, answer, answered_at, next_cycle, next_due_at, reason, message)
    values (topic, tenant, key, cycle, said, clock_timestamp(), case said when 'again' then cycle + 1 end, next_due_at,
            case said when 'failed' then answer->>'reason' end,
            case when said = 'failed' and event is not null then jsonb_build_object('payload', event->'payload')
              || jsonb_strip_nulls(jsonb_build_object(
                   'payloadVersion', event->'payloadVersion', 'staleAfterMs', event->'staleAfterMs')) end)
    on conflict on constraint answer_pkey do update
       set answer = excluded.answer, answered_at = excluded.answered_at, next_cycle = excluded.next_cycle,
           next_due_at = excluded.next_due_at, reason = excluded.reason, message = excluded.message
     where stored.answer is null
    returning stored.* into first;
    if not found then
      -- Another one has answered in this very moment, and was waited for.
      select * into first from postdate.answer as stored
       where stored.topic = topic and stored.tenant = tenant and stored.key = key and stored.cycle = cycle;
      return postdate.answer_of(first, 'answeredBefore');
    end if;
    if said = 'again' then
      insert into postdate.command (topic, tenant, key, command_id, what, body)
      values (topic, tenant, key, 'answer:' || cycle || ':' || gen_random_uuid(), 'schedule',
        jsonb_strip_nulls(jsonb_build_object(
          'dueAt', floor(extract(epoch from next_due_at) * 1000),
          'cycle', cycle + 1,
          'staleAfterMs', event->'staleAfterMs',
          'onConflict', 'keep',
          'payloadVersion', coalesce(event->'payloadVersion', '1'),
          'followsDueAt', floor(extract(epoch from forwarded.due_at) * 1000)
        )) || jsonb_build_object('payload', coalesce(event->'payload', 'null')));
    elsif said = 'failed' then
      -- As the landing tells of what a handler fails.
      id := topic || ':' || tenant || ':' || key || ':' || cycle || ':postdate.failed';
      insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
      values (id, topic, tenant || '/' || key, 'postdate.failed', jsonb_build_object(
        'specversion', '1.0', 'id', id, 'source', '/postdate/' || topic, 'type', 'postdate.failed',
        'subject', tenant || '/' || key,
        'time', to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'datacontenttype', 'application/json', 'tenant', tenant, 'cycle', cycle,
        'data', jsonb_build_object('reason', first.reason,
          'dueAt', to_char(forwarded.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))));
    end if;
    return postdate.answer_of(first, 'answered');
  end $$`;
