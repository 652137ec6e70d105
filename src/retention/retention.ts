import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import { inTransaction, type Queryable } from '../database';
import { pruneComparisons } from '../lanes/shadow/comparisons';
import { pruneCopies } from '../lanes/shadow/copies';
import { acquireExclusiveLease } from '../lease';
import { hasRows } from '../sweep/business-rows';
import type { Topic } from '../topic';

// Small, so that no lock is held for long, and often enough for whatever a day brings.
const BATCH = 1_000;
const EVERY_MS = 600_000;
// What a lane was compared for is over by then: it is released, or stopped.
const COMPARISON_DAYS = 30;

export interface KeptDays {
  /** Events that everyone has been told. */
  outboxDays: number;
  /** Decisions on messages that are finished. Absent: for ever. */
  ledgerDays?: number;
  /** Commands that were dispatched, and what lanes failed at. */
  commandDays: number;
  /** The log of what webhooks were sent. */
  webhookDays: number;
}

/**
 * Removes events that are in the stream for longer than this, and that no consumer still has to read, nor any enabled webhook
 * to be sent; not a forwarded message whose answer is awaited, which may be "again". Returns how many.
 */
export async function pruneOutbox(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.outbox where id in (
       select id from postdate.outbox
        where position is not null and relayed_at < clock_timestamp() - make_interval(days => $1)
          and position <= all (select position from postdate.consumer)
          and not exists (select 1 from postdate.answer as open
                           where open.answer is null and type = aggregatetype || '.due'
                             and open.topic = aggregatetype and open.tenant = payload->>'tenant'
                             and open.key = substr(aggregateid, length(payload->>'tenant') + 2)
                             and open.cycle = (payload->>'cycle')::integer)
          and not exists (select 1 from postdate.webhook_delivery as delivery
                            join postdate.webhook on webhook.id = delivery.webhook_id and disabled_at is null
                           where delivery.position = outbox.position and next_try_at is not null)
        limit $2)`,
    [days, BATCH],
  );
  await noteDown(db, 'outbox', days);
  return rowCount ?? 0;
}

/**
 * Removes all decisions on messages of a topic that were finished this long ago: the last of them has no next cycle, no
 * row waits for a message, and no answer is awaited. Answers, and what was asked about them under an Idempotency-Key, go with
 * them. Returns how many.
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
  await noteDown(db, 'ledger', days);
  return rowCount ?? 0;
}

/** Removes commands that were dispatched, or refused, this long ago. Returns how many. */
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

/** Removes what lanes failed at this long ago; whatever became of those messages is in the ledger. Returns how many. */
export async function pruneLaneFailures(db: Queryable, days: number): Promise<number> {
  const { rowCount } = await db.query(
    `delete from postdate.lane_failure where id in (
       select id from postdate.lane_failure where failed_at < clock_timestamp() - make_interval(days => $1) limit $2)`,
    [days, BATCH],
  );
  return rowCount ?? 0;
}

/** Removes deliveries to webhooks that ended this long ago; what waits stays. Returns how many. */
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

const noteDown = (db: Queryable, what: 'ledger' | 'outbox', days: number) =>
  db.query(
    `insert into postdate.retention as retention (what, before)
     values ($1, clock_timestamp() - make_interval(days => $2))
     on conflict (what) do update set before = greatest(retention.before, excluded.before)`,
    [what, days],
  );

/** Removes what is old enough, every ten minutes, in one worker, in batches; never anything unfinished. */
export function startRetention(
  { pool, onError }: { pool: Pool; onError(error: unknown): void },
  topics: Topic[],
  { outboxDays, ledgerDays, commandDays, webhookDays }: KeptDays,
): BackgroundLoop {
  let more = false;
  async function look(): Promise<'more' | 'idle'> {
    const removed = await inTransaction(pool, async (tx) => {
      // While there is more it is still the same turn.
      if (!(await acquireExclusiveLease(tx, 'retention', more ? 0 : EVERY_MS))) return 0;
      const removedRows = [
        await pruneOutbox(tx, outboxDays),
        await pruneCommands(tx, commandDays),
        await pruneLaneFailures(tx, commandDays),
        await pruneWebhookDeliveries(tx, webhookDays),
        await pruneCopies(tx, BATCH),
        await pruneComparisons(tx, COMPARISON_DAYS, BATCH),
      ];
      if (ledgerDays !== undefined) {
        for (const topic of topics) removedRows.push(await pruneLedger(tx, topic, ledgerDays));
      }
      return Math.max(...removedRows);
    });
    more = removed >= BATCH;
    return more ? 'more' : 'idle';
  }
  return runInBackground(look, { pauseMs: EVERY_MS, onError });
}
