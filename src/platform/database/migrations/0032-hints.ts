import { type Kysely, sql } from 'kysely';

/**
 * Hints to loops that rest. A worker whose relay or dispatcher has nothing to do asks to be told of the next event or
 * command, and looks seldom meanwhile. Only a transaction that writes while a worker rests notifies: commits that notify
 * wait for each other, and a burst must not.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [askedForEvents, askedForCommands, ask, hint, revoke]) await definition.execute(db);
  await trigger('events', 'postdate.outbox').execute(db);
  await trigger('commands', 'postdate.command').execute(db);
}

// Until when a worker asks for hints, in epoch ms. A sequence, as every transaction sees its present value, also one with
// an old snapshot.
const asked = (what: string) => sql`create sequence ${sql.table(`postdate.${what}_hint`)} minvalue 0 start 0`;
const askedForEvents = asked('events');
const askedForCommands = asked('commands');

// False where transactions can be prepared: such a transaction fails if it has notified.
const ask = sql`
  create function postdate.ask_for_hint(what text, for_ms integer) returns boolean
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    if for_ms > 0 and current_setting('max_prepared_transactions')::integer > 0 then
      return false;
    end if;
    perform setval(format('postdate.%I', what || '_hint')::regclass,
                   case when for_ms > 0 then (extract(epoch from clock_timestamp()) * 1000)::bigint + for_ms else 0 end);
    return true;
  end $$`;

// A value far ahead was written by a clock that was ahead.
const hint = sql`
  create function postdate.hint() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare now_ms bigint := extract(epoch from clock_timestamp()) * 1000;
  begin
    if pg_sequence_last_value(format('postdate.%I', tg_argv[0] || '_hint')::regclass) between now_ms and now_ms + 60000 then
      perform pg_notify('postdate_' || tg_argv[0], '');
    end if;
    return null;
  end $$`;
const revoke = sql`revoke execute on function postdate.ask_for_hint, postdate.hint from public`;

const trigger = (what: string, table: string) => sql`
  create trigger hint after insert on ${sql.table(table)}
    for each statement execute function postdate.hint(${sql.lit(what)})`;
