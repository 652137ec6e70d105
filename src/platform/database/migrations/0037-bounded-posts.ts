import { type Kysely, sql } from 'kysely';

/**
 * `postdate.schedule` refuses a `repeat` of more than 4 KB and a payload version below 1. The function keeps its name, its
 * parameters and the rights to it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await schedule.execute(db);
}

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
    -- a rule that a person writes has some hundred bytes, and a dispatcher reads many commands at once
    if octet_length(repeat::text) > 4096 then
      perform postdate.refuse('invalidRepeat', 'repeat', 'must be at most 4096 bytes as JSON',
        'It has every or cron, zone, until, maxCycles and missed, and nothing else.');
    end if;
    if payload_version < 1 then
      perform postdate.refuse('invalidPayloadVersion', 'payloadVersion', 'must be a whole number from 1',
        'Leave it out for the present version of the topic.');
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
