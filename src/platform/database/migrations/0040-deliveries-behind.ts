import { type Kysely, sql } from 'kysely';

/**
 * Marks the waiting deliveries that stand behind an earlier one of their entity. A claim does not look at them: with 50,000 events of
 * one entity it would read all of them each time, while every other webhook waits.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  // The log of a busy installation takes longer to read than a statement may last. Only webhooks wait for it.
  await sql`set local statement_timeout = 0`.execute(db);
  for (const statement of [column, marks, next, revoke, ended, deleted, turns, waiting]) await statement.execute(db);
}

const column = sql`
  -- Only a hint for the search: a claim also asks for an earlier delivery. Workers of the release before write false.
  alter table postdate.webhook_delivery add column behind boolean not null default false`;

const marks = sql`
  update postdate.webhook_delivery as delivery set behind = true
   where next_try_at is not null and exists (
           select from postdate.webhook_delivery as earlier
            where earlier.webhook_id = delivery.webhook_id and earlier.entity = delivery.entity
              and earlier.next_try_at is not null
              and (earlier.position, earlier.replay) < (delivery.position, delivery.replay))`;

const next = sql`
  -- Behind a delivery that has ended, or is deleted, the next of its entity is the first. For a whole statement at once: one that ends
  -- 50,000 of them would otherwise search behind each.
  create function postdate.next_deliveries() returns trigger language plpgsql as $$
  declare updated constant boolean := tg_op = 'UPDATE';
  begin
    -- The update below calls this again.
    if not exists (select from gone where (next_try_at is null) = updated) then return null; end if;
    update postdate.webhook_delivery as delivery set behind = false
      from (select webhook_id, entity, min(position) as position from gone
             where (next_try_at is null) = updated group by webhook_id, entity) as ended
     cross join lateral (
            select position, replay, behind from postdate.webhook_delivery as waiting
             where waiting.webhook_id = ended.webhook_id and waiting.entity = ended.entity
               and waiting.position >= ended.position and next_try_at is not null
             order by position, replay limit 1) as first
     where first.behind and delivery.webhook_id = ended.webhook_id and delivery.position = first.position
       and delivery.replay = first.replay;
    return null;
  end $$`;

const revoke = sql`revoke execute on function postdate.next_deliveries from public`;

const ended = sql`
  create trigger ended_deliveries after update on postdate.webhook_delivery
    referencing new table as gone for each statement execute function postdate.next_deliveries()`;

const deleted = sql`
  create trigger deleted_deliveries after delete on postdate.webhook_delivery
    referencing old table as gone for each statement execute function postdate.next_deliveries()`;

const turns = sql`
  drop index postdate.webhook_delivery_turn;
  create index webhook_delivery_turn
    on postdate.webhook_delivery (webhook_id, (split_part(split_part(entity, ' ', 2), '/', 1) collate "C"), next_try_at)
   where next_try_at is not null and not behind`;

const waiting = sql`
  drop index postdate.webhook_delivery_waiting;
  create index webhook_delivery_waiting on postdate.webhook_delivery (webhook_id, next_try_at)
   where next_try_at is not null and not behind`;
