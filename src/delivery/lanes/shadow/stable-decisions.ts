import { eventIdOf } from '../../../events/outbox';
import { outcomeEvents } from '../../../events/postdate-events';
import type { Delivery } from '../../../message/contract';
import type { Outcome } from '../../../message/decision';
import type { Queryable } from '../../../platform/database/pool';
import { IS_SHADOW, type RowSnapshot } from './row-snapshots';

/** A copy that is due, with stable's decision from the ledger, if there is one. */
export interface DueCopy {
  delivery: Delivery;
  lane: string;
  before: RowSnapshot | null;
  decision?: StableDecision;
}

export interface StableDecision {
  outcome: Outcome;
  nextDueAt?: number;
  reason?: string;
  lane: string | null;
  /** When its landing began, by the database's clock, epoch ms. */
  claimedAt: number;
  /** The snapshot of the rows was read before the decision. */
  readInTime: boolean;
  /** The xmin of the ledger's row. */
  writtenBy: string;
  readPosition: string | null;
}

// A shadow waits this long for stable's decision: later, other transactions will have changed the rows.
const GIVE_UP_AFTER = '30 seconds';
// Longer than a batch of trials takes. After it, the copies of a worker that died are taken by another.
const TAKEN_FOR = '30 seconds';
const BATCH = 20;

interface DueCopyRow {
  delivery: Delivery;
  before: RowSnapshot | null;
  outcome: Outcome | null;
  next_due_at: Date | null;
  reason: string | null;
  decided_in: string | null;
  claimed_at: Date;
  read_in_time: boolean | null;
  written_by: string;
  read_position: string | null;
}

/**
 * Takes a few copies that stable has decided, or has not decided in time, the earliest due first. Each goes to one
 * taker.
 */
export async function takeDueCopies(db: Queryable, topic: string, lane: string): Promise<DueCopy[]> {
  const { rows } = await db.query<DueCopyRow>(
    `with due as (
       select copy.tenant, copy.key, copy.cycle, delivery.outcome, delivery.next_due_at, delivery.reason,
              delivery.lane as decided_in,
              coalesce(delivery.claimed_at, delivery.decided_at) as claimed_at, delivery.xmin::text as written_by,
              read_at < delivery.decided_at as read_in_time
         from postdate.shadow_copy as copy
         left join postdate.delivery using (topic, tenant, key, cycle)
        where topic = $1 and copy.lane = $2 and ${IS_SHADOW} and copy.due_at <= clock_timestamp()
          and (taken_at is null or taken_at < clock_timestamp() - interval '${TAKEN_FOR}')
          and ((read_at is not null and delivery.outcome is not null)
               or copy.due_at < clock_timestamp() - interval '${GIVE_UP_AFTER}')
        order by copy.due_at limit ${BATCH} for update of copy skip locked)
     update postdate.shadow_copy as copy set taken_at = clock_timestamp()
       from due
      where copy.topic = $1 and copy.lane = $2 and copy.tenant = due.tenant and copy.key = due.key
        and copy.cycle = due.cycle
     returning copy.delivery, copy.before, copy.read_position, due.outcome, due.next_due_at, due.reason,
               due.decided_in, due.claimed_at, due.written_by, due.read_in_time`,
    [topic, lane],
  );
  return rows.map((row) => ({ delivery: row.delivery, lane, before: row.before, decision: decisionOf(row) }));
}

const decisionOf = (row: DueCopyRow): StableDecision | undefined =>
  row.outcome === null
    ? undefined
    : {
        outcome: row.outcome,
        nextDueAt: row.next_due_at?.getTime(),
        reason: row.reason ?? undefined,
        lane: row.decided_in,
        claimedAt: row.claimed_at.getTime(),
        readInTime: row.read_in_time === true,
        writtenBy: row.written_by,
        readPosition: row.read_position,
      };

/** The data of events, by their type. */
export type EventsByType = Map<string, Record<string, unknown>>;

// These events report the answer, which is compared by itself.
const OUTCOME_EVENTS = Object.values(outcomeEvents).map(({ type }) => type);

/**
 * Reads the events that stable emitted for each of these copies since it claimed them, in the order of the copies. It
 * looks them up by their positions in the stream: the events of a message have no other column with an index in common.
 */
export async function readStableEvents(db: Queryable, copies: DueCopy[]): Promise<EventsByType[]> {
  const found = copies.map((): EventsByType => new Map());
  const decided = copies.flatMap(({ delivery: { message }, decision }, place) =>
    decision?.readInTime ? [{ message, decision, place }] : [],
  );
  if (decided.length === 0) return found;
  const { rows } = await db.query<{ place: number; type: string; data: Record<string, unknown> }>(
    `with emitted as (
       select id, type, payload from postdate.outbox where position is null
       union all
       select id, type, payload from postdate.outbox where position > $4
     )
     select place, type, payload->'data' as data
       from unnest($1::text[], $2::float8[], $3::integer[]) as given (prefix, claimed_at, place)
       join emitted on id = prefix || type
      -- the service that posted the message may have emitted an event of its own shortly before
      where (payload->>'time')::timestamptz >= to_timestamp(claimed_at / 1000)
        and type <> all($5)`,
    [
      decided.map(({ message }) => eventIdOf(message, '')),
      decided.map(({ decision }) => decision.claimedAt),
      decided.map(({ place }) => place),
      decided.map(({ decision }) => BigInt(decision.readPosition ?? 0)).reduce((one, two) => (two < one ? two : one)),
      OUTCOME_EVENTS,
    ],
  );
  for (const { place, type, data } of rows) found[place]?.set(type, data);
  return found;
}
