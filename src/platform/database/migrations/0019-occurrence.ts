import { type Kysely, sql } from 'kysely';

/**
 * An answer to a forwarded message hands its occurrence on: "again" posts the next one, and a failure keeps its own for a redrive.
 * The function keeps its name, its parameters and the rights to it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await answer.execute(db);
}

const answer = sql`
  create or replace function postdate.answer(topic text, tenant text, key text, cycle bigint, answer jsonb) returns jsonb
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  #variable_conflict use_variable
  declare
    known postdate.topic := postdate.check_message(topic, tenant, key, null);
    said text := answer->>'do';
    first postdate.answer;
    forwarded postdate.delivery;
    event jsonb;
    occurrence integer;
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
    select outbox.payload->'data', (outbox.payload->>'occurrence')::integer into event, occurrence
      from postdate.outbox as outbox
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
                   'payloadVersion', event->'payloadVersion', 'staleAfterMs', event->'staleAfterMs',
                   'uncountedCycles', nullif(cycle - occurrence, 0))) end)
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
          -- an event of an earlier release has no occurrence: its message counts by its cycles
          'uncountedCycles', nullif(cycle - occurrence, 0),
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
          'dueAt', to_char(forwarded.due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
        || jsonb_strip_nulls(jsonb_build_object('occurrence', occurrence)));
    end if;
    return postdate.answer_of(first, 'answered');
  end $$`;
