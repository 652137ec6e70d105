import type { MessageRef } from '../contract';
import type { Queryable } from '../database';
import { isWithdrawn, type Outcome } from '../decision';
import { STABLE } from '../lanes/lane';
import type { TimelineEntry } from './timeline-entry';

// The newest of each kind; a series of years has more than anybody reads.
const LIMIT = 500;

/** What ledger, held messages, redrives, answers and outbox say of a message; who asked for it only Temporal knows. */
export async function recordsOf(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const kinds = [decisionsOf, heldOf, redrivesOf, answersOf, eventsOf];
  return (await Promise.all(kinds.map((recordsOfKind) => recordsOfKind(db, ref)))).flat();
}

const valuesOf = ({ topic, tenant, key }: MessageRef) => [topic, tenant, key, LIMIT];

interface DecisionRow {
  cycle: number;
  outcome: Outcome;
  decided_at: Date;
  due_at: Date;
  late: boolean;
  late_by_ms: number;
  next_cycle: number | null;
  next_due_at: Date | null;
  reason: string | null;
  command_id: string | null;
  lane: string | null;
  lane_reason: string | null;
}

async function decisionsOf(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<DecisionRow>(
    `select cycle, outcome, decided_at, due_at, late, next_cycle, next_due_at, reason, command_id, lane, lane_reason,
            (extract(epoch from decided_at - due_at) * 1000)::float8 as late_by_ms
       from postdate.delivery
      where topic = $1 and tenant = $2 and key = $3
      order by cycle desc
      limit $4`,
    valuesOf(ref),
  );
  return rows.map((row) => {
    const withdrawn = isWithdrawn(row.outcome);
    const next = row.next_due_at && `cycle ${row.next_cycle} is due ${row.next_due_at.toISOString()}`;
    const lane = laneOf(row);
    const wasDue = row.late && !withdrawn ? 'it was due when it was posted' : undefined;
    return {
      at: row.decided_at.toISOString(),
      source: 'ledger',
      what: row.outcome,
      cycle: row.cycle,
      commandId: row.command_id ?? undefined,
      lateByMs: withdrawn ? undefined : Math.floor(row.late_by_ms),
      detail: [row.reason, lane, wasDue, next].filter(Boolean).join('; ') || undefined,
    };
  });
}

/** Stable goes without saying, unless there was a reason for it. */
function laneOf({ lane, lane_reason }: Pick<DecisionRow, 'lane' | 'lane_reason'>): string | undefined {
  if (lane === null || (lane === STABLE && lane_reason === null)) return undefined;
  return lane_reason === null ? `in lane ${lane}` : `in lane ${lane}: ${lane_reason}`;
}

async function heldOf(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{ cycle: number; worker: string; lane: string; seen_at: Date | null; now: Date }>(
    // A worker that leaves is seen at minus infinity, which is no date elsewhere.
    `select held.cycle, held.worker, held.lane, nullif(worker.seen_at, '-infinity') as seen_at, clock_timestamp() as now
       from postdate.held left join postdate.worker on worker.id = held.worker
      where topic = $1 and tenant = $2 and key = $3
      limit $4`,
    valuesOf(ref),
  );
  return rows.map(({ cycle, worker, lane, seen_at, now }) => {
    const seen = seen_at ? `seen at work ${seen_at.toISOString()}` : 'gone: another one takes it over';
    return {
      at: now.toISOString(),
      source: 'held',
      what: 'is held',
      cycle,
      detail: `${lane === STABLE ? '' : `in lane ${lane}, `}by worker ${worker}, ${seen}`,
    };
  });
}

async function redrivesOf(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{
    failed_cycle: number;
    cycle: number;
    redriven_by: string;
    reason: string;
    redriven_at: Date;
  }>(
    `select failed_cycle, cycle, redriven_by, reason, redriven_at
       from postdate.redrive
      where topic = $1 and tenant = $2 and key = $3
      order by failed_cycle desc
      limit $4`,
    valuesOf(ref),
  );
  return rows.map(({ failed_cycle, cycle, redriven_by, reason, redriven_at }) => ({
    at: redriven_at.toISOString(),
    source: 'redrive',
    what: 'redriven',
    cycle,
    by: redriven_by,
    detail: `${reason}; cycle ${failed_cycle} had failed`,
  }));
}

interface AnswerRow {
  cycle: number;
  decided_at: Date;
  expected_by: Date | null;
  answer: string | null;
  answered_at: Date | null;
  next_cycle: number | null;
  next_due_at: Date | null;
  reason: string | null;
}

/** Of a topic that forwards: what was put on the stream, and what was said of it. */
async function answersOf(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<AnswerRow>(
    `select cycle, decided_at, expected_by, answer.answer, answered_at, answer.next_cycle, answer.next_due_at, answer.reason
       from postdate.delivery
       join postdate.topic on topic.name = delivery.topic and forwards
       left join postdate.answer using (topic, tenant, key, cycle)
      where topic = $1 and tenant = $2 and key = $3 and outcome = 'delivered'
      order by cycle desc
      limit $4`,
    valuesOf(ref),
  );
  const source = 'answer';
  return rows.flatMap(({ cycle, decided_at, expected_by, answer, answered_at, next_cycle, next_due_at, reason }) => {
    const expected = expected_by ? `an answer is expected by ${expected_by.toISOString()}` : undefined;
    const forwarded = { at: decided_at.toISOString(), source, what: 'forwarded', cycle, detail: expected } as const;
    if (!answered_at) return [forwarded];
    const detail = next_due_at ? `cycle ${next_cycle} is due ${next_due_at.toISOString()}` : (reason ?? undefined);
    return [forwarded, { at: answered_at.toISOString(), source, what: `answered ${answer}`, cycle, detail }];
  });
}

async function eventsOf(db: Queryable, { topic, tenant, key }: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{ type: string; time: string; cycle: number; position: string | null }>(
    // By their ids, which begin with the message's name: there is an index on nothing else of it.
    `select type, payload->>'time' as time, (payload->>'cycle')::integer as cycle, position
       from postdate.outbox
      where starts_with(id, $1)
      order by seq desc
      limit $2`,
    [`${topic}:${tenant}:${key}:`, LIMIT],
  );
  return rows.map(({ type, time, cycle, position }) => ({
    at: time,
    source: 'stream',
    what: type,
    cycle,
    detail: position === null ? 'an event, not relayed yet' : `an event, position ${position}`,
  }));
}
