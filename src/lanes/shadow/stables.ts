import type { Delivery } from '../../contract';
import type { Queryable } from '../../database';
import type { Outcome } from '../../decision';
import { outcomeEvents } from '../../landing/outcome-events';
import { eventIdOf } from '../../outbox';
import { IS_SHADOW, type Picture } from './pictures';

/** A copy whose turn it is, with what the ledger says of it. */
export interface RipeCopy {
  delivery: Delivery;
  lane: string;
  before: Picture | null;
  decision?: StableDecision;
}

export interface StableDecision {
  outcome: Outcome;
  nextDueAt?: number;
  reason?: string;
  lane: string | null;
  /** By the database's clock, epoch ms. */
  decidedAt: number;
  /** The picture was taken before. */
  readInTime: boolean;
  /** The xmin of the ledger's row. */
  writtenBy: string;
  readPosition: string | null;
}

// So long a landing may be away before nobody waits for it any more: the rows will have seen other things by then.
const GIVE_UP_AFTER = '30 seconds';
// Longer than this many trials take. A worker that died with them leaves them to another.
const TAKEN_FOR = '30 seconds';
const BATCH = 20;

interface RipeRow {
  delivery: Delivery;
  before: Picture | null;
  outcome: Outcome | null;
  next_due_at: Date | null;
  reason: string | null;
  decided_in: string | null;
  decided_at: Date;
  read_in_time: boolean | null;
  written_by: string;
  read_position: string | null;
}

/** Takes a few copies that stable has decided by now, or is too late with, the earliest due first; each goes to one taker. */
export async function takeRipe(db: Queryable, topic: string, lane: string): Promise<RipeCopy[]> {
  const { rows } = await db.query<RipeRow>(
    `with ripe as (
       select copy.tenant, copy.key, copy.cycle, delivery.outcome, delivery.next_due_at, delivery.reason,
              delivery.lane as decided_in, delivery.decided_at, delivery.xmin::text as written_by,
              read_at < delivery.decided_at as read_in_time
         from postdate.shadow_copy as copy
         left join postdate.delivery using (topic, tenant, key, cycle)
        where topic = $1 and copy.lane = $2 and ${IS_SHADOW} and copy.due_at <= clock_timestamp()
          and (taken_at is null or taken_at < clock_timestamp() - interval '${TAKEN_FOR}')
          and ((read_at is not null and delivery.outcome is not null)
               or copy.due_at < clock_timestamp() - interval '${GIVE_UP_AFTER}')
        order by copy.due_at limit ${BATCH} for update of copy skip locked)
     update postdate.shadow_copy as copy set taken_at = clock_timestamp()
       from ripe
      where copy.topic = $1 and copy.lane = $2 and copy.tenant = ripe.tenant and copy.key = ripe.key
        and copy.cycle = ripe.cycle
     returning copy.delivery, copy.before, copy.read_position, ripe.outcome, ripe.next_due_at, ripe.reason,
               ripe.decided_in, ripe.decided_at, ripe.written_by, ripe.read_in_time`,
    [topic, lane],
  );
  return rows.map((row) => ({ delivery: row.delivery, lane, before: row.before, decision: decisionOf(row) }));
}

const decisionOf = (row: RipeRow): StableDecision | undefined =>
  row.outcome === null
    ? undefined
    : {
        outcome: row.outcome,
        nextDueAt: row.next_due_at?.getTime(),
        reason: row.reason ?? undefined,
        lane: row.decided_in,
        decidedAt: row.decided_at.getTime(),
        readInTime: row.read_in_time === true,
        writtenBy: row.written_by,
        readPosition: row.read_position,
      };

/** What an event says, by its type. */
export type EventsByType = Map<string, Record<string, unknown>>;

// These tell of the answer, which is compared itself.
const OF_THE_ANSWER = Object.values(outcomeEvents).map(({ type }) => type);

/**
 * What stable has told of each of these copies since it decided them, in their order. Found by their places in the stream,
 * as there is an index on nothing else that is common to a message's events.
 */
export async function readStablesEvents(db: Queryable, copies: RipeCopy[]): Promise<EventsByType[]> {
  const found = copies.map((): EventsByType => new Map());
  const decided = copies.flatMap(({ delivery: { message }, decision }, place) =>
    decision?.readInTime ? [{ message, decision, place }] : [],
  );
  if (decided.length === 0) return found;
  const { rows } = await db.query<{ place: number; type: string; data: Record<string, unknown> }>(
    `with told as (
       select id, type, payload from postdate.outbox where position is null
       union all
       select id, type, payload from postdate.outbox where position > $4
     )
     select place, type, payload->'data' as data
       from unnest($1::text[], $2::float8[], $3::integer[]) as given (prefix, decided_at, place)
       join told on id = prefix || type
      -- the service that posted it may have told of it shortly before
      where (payload->>'time')::timestamptz >= to_timestamp(decided_at / 1000)
        and type <> all($5)`,
    [
      decided.map(({ message }) => eventIdOf(message, '')),
      decided.map(({ decision }) => decision.decidedAt),
      decided.map(({ place }) => place),
      decided.map(({ decision }) => BigInt(decision.readPosition ?? 0)).reduce((one, two) => (two < one ? two : one)),
      OF_THE_ANSWER,
    ],
  );
  for (const { place, type, data } of rows) found[place]?.set(type, data);
  return found;
}
