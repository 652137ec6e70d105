import type { Queryable } from '../platform/database/pool';
import { hasRows } from '../topics/business-rows';
import type { Topic } from '../topics/topic';
import { UNNEEDED, whyKept } from './event-needs';
import { daysAgo, type OutboxPart, readParts } from './outbox-parts';

// Rows per statement: few, so that no lock is held for long. A full batch is followed by the next one at once.
export const BATCH = 1_000;

/**
 * Removes events that have been in the stream for longer than `days` where no month will be dropped: from months that something
 * keeps, and from what is in no month. Keeps events that a consumer or an enabled webhook still has to receive, those that are
 * set aside for a consumer, and forwarded messages that wait for their answer: it may be "again". Returns how many were removed.
 */
export async function pruneOutbox(db: Queryable, days: number): Promise<number> {
  const before = await daysAgo(db, days);
  let removed = 0;
  for (const part of await readParts(db, before)) {
    if (!(await goesByRows(db, part, before))) continue;
    const { rowCount } = await db.query(
      `delete from ${part.table} where id in (
         select id from ${part.table} as event
          where event.relayed_at < $1
            and ${UNNEEDED}
          limit $2)`,
      [before, BATCH],
    );
    removed += rowCount ?? 0;
  }
  await recordRetention(db, 'outbox', days);
  return removed;
}

async function goesByRows(db: Queryable, { kind, isPast, table }: OutboxPart, before: string): Promise<boolean> {
  switch (kind) {
    case 'noMonth':
      return true;
    case 'beforeMonths':
      // All that was there when the months were introduced: until that is dropped, its oldest events go as they did before.
      return !isPast || (await whyKept(db, table, before)).length > 0;
    case 'month':
      return isPast && (await whyKept(db, table, before)).length > 0;
  }
}

/**
 * Removes all decisions on messages of a topic that were finished `days` ago: their last decision has no next cycle, no
 * business row waits, and no answer is awaited. Also removes their answers, and their requests with an Idempotency-Key.
 * Returns how many decisions were removed.
 */
export async function pruneLedger(db: Queryable, topic: Topic, days: number): Promise<number> {
  const stillWaits = hasRows(topic)
    ? `exists (select 1 from (${topic.businessRows}) as business
                where business.waits and business.tenant = last.tenant and business.key = last.key)`
    : 'false';
  const { rowCount } = await db.query(
    `with finished as (
       select tenant, key from postdate.delivery as last
        where topic = $1 and next_cycle is null and decided_at < clock_timestamp() - make_interval(days => $2)
          and not exists (select 1 from postdate.delivery as later
                           where later.topic = $1 and later.tenant = last.tenant and later.key = last.key
                             and later.cycle > last.cycle)
          and not ${stillWaits}
          and not exists (select 1 from postdate.answer
                           where answer.topic = $1 and answer.tenant = last.tenant and answer.key = last.key
                             and (answer.answer is null or answer.next_cycle > last.cycle))
        limit $3),
     asked as (
       delete from postdate.idempotency using finished
        where idempotency.topic = $1 and idempotency.tenant = finished.tenant and idempotency.key = finished.key
          and recorded_at < clock_timestamp() - make_interval(days => $2)),
     answered as (
       delete from postdate.answer using finished
        where answer.topic = $1 and answer.tenant = finished.tenant and answer.key = finished.key)
     delete from postdate.delivery using finished
      where delivery.topic = $1 and delivery.tenant = finished.tenant and delivery.key = finished.key`,
    [topic.name, days, BATCH],
  );
  await recordRetention(db, 'ledger', days);
  return rowCount ?? 0;
}

/** Removes commands that were dispatched, or refused, `days` ago. Returns how many. */
export async function pruneCommands(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.command where (topic, tenant, key, command_id) in (
       select topic, tenant, key, command_id from postdate.command
        where dispatched_at < clock_timestamp() - make_interval(days => $1)
        limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

/** Removes refused commands that are `days` old. Returns how many. */
export async function pruneRefused(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.refused_command where seq in (
       select seq from postdate.refused_command where refused_at < clock_timestamp() - make_interval(days => $1)
        order by seq limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

/** Removes failures of lanes that are `days` old; the outcome of those messages is in the ledger. Returns how many. */
export async function pruneLaneFailures(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.lane_failure where id in (
       select id from postdate.lane_failure where failed_at < clock_timestamp() - make_interval(days => $1) limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

/** Removes the records of set-aside events that ended `days` ago, and those of consumers that are no more. Returns how many. */
export async function pruneSetAside(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.set_aside where (consumer, position) in (
       select consumer, position from postdate.set_aside
        where ended_at < clock_timestamp() - make_interval(days => $1)
           or not exists (select 1 from postdate.consumer where name = consumer)
        limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

/** Removes deliveries to webhooks that ended `days` ago, and keeps those that wait. Returns how many. */
export async function pruneWebhookDeliveries(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.webhook_delivery where (webhook_id, position, replay) in (
       select webhook_id, position, replay from postdate.webhook_delivery
        where ended_at < clock_timestamp() - make_interval(days => $1)
        limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

export const recordRetention = (db: Queryable, what: 'ledger' | 'outbox', days: number) =>
  db.query(
    `insert into postdate.retention as retention (what, before)
     values ($1, clock_timestamp() - make_interval(days => $2))
     on conflict (what) do update set before = greatest(retention.before, excluded.before)`,
    [what, days],
  );
