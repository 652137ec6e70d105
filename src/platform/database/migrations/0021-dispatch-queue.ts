import { type Kysely, sql } from 'kysely';

/**
 * The commands that wait for a dispatcher, in a small table of their own. `postdate.command` also has the dispatched
 * commands of a month, and an index on those would keep producers waiting for as long as it is built. A trigger keeps
 * the table in step, so that workers of the release before need not know it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const definition of [table, byTenant, byMessage, keep, empty, revoke, trigger, emptyTrigger, fill]) {
    await definition.execute(db);
  }
}

const table = sql`
  create table postdate.dispatch_queue (
    -- of the command
    seq         bigint      primary key,
    topic       text        not null,
    tenant      text        not null,
    key         text        not null,
    -- the order of a tenant's commands: by when Temporal should know them
    due_at      timestamptz not null,
    next_try_at timestamptz not null,
    claimed_by  text
  )`;
const byTenant = sql`create index dispatch_queue_tenant on postdate.dispatch_queue (tenant, due_at, seq)`;
const byMessage = sql`create index dispatch_queue_message on postdate.dispatch_queue (topic, tenant, key, seq)`;

// A cancel does not say when its message is due. It goes as if that were ten seconds after its post.
const due = (command: string) =>
  sql.raw(`case ${command}.what when 'cancel' then ${command}.posted_at + interval '10 s'
                                else to_timestamp((${command}.body->>'dueAt')::float8 / 1000) end`);

const keep = sql`
  create function postdate.queue_command() returns trigger language plpgsql as $$
  begin
    if tg_op = 'DELETE' or new.dispatched_at is not null then
      delete from postdate.dispatch_queue where seq = old.seq;
    else
      insert into postdate.dispatch_queue as queued (seq, topic, tenant, key, due_at, next_try_at, claimed_by)
      values (new.seq, new.topic, new.tenant, new.key, ${due('new')}, new.next_try_at, new.claimed_by)
      on conflict (seq) do update set next_try_at = excluded.next_try_at, claimed_by = excluded.claimed_by;
    end if;
    return null;
  end $$`;
const empty = sql`
  create function postdate.empty_dispatch_queue() returns trigger language plpgsql as $$
  begin
    delete from postdate.dispatch_queue;
    return null;
  end $$`;
const revoke = sql`revoke execute on function postdate.queue_command, postdate.empty_dispatch_queue from public`;

const trigger = sql`
  create trigger queue_command after insert or delete or update of dispatched_at, next_try_at, claimed_by
    on postdate.command for each row execute function postdate.queue_command()`;
const emptyTrigger = sql`
  create trigger empty_dispatch_queue after truncate on postdate.command
    for each statement execute function postdate.empty_dispatch_queue()`;

const fill = sql`
  insert into postdate.dispatch_queue
  select seq, topic, tenant, key, ${due('command')}, next_try_at, claimed_by
    from postdate.command where dispatched_at is null`;
