import { refusedOfMessage } from '../../events/refused-commands';
import type { MessageRef } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { readDecisions } from './decision-records';
import { readEvents, readSetAside, readStopped } from './event-records';
import type { TimelineEntry } from './timeline-entry';

// The newest records of each kind: a series of years has more than an operator reads.
const LIMIT = 500;

/**
 * Reads the entries of a message from ledger, held messages, redrives, answers, refused commands and outbox. Only Temporal knows its
 * callers.
 */
export async function readRecords(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const entries = await Promise.all([
    readDecisions(db, ref, LIMIT),
    readHeld(db, ref),
    readRedrives(db, ref),
    readAnswers(db, ref),
    readRefused(db, ref),
    readEvents(db, ref, LIMIT),
    readSetAside(db, ref, LIMIT),
    readStopped(db, ref, LIMIT),
  ]);
  return entries.flat();
}

const valuesOf = ({ topic, tenant, key }: MessageRef) => [topic, tenant, key, LIMIT];

async function readHeld(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{ cycle: number; worker: string; lane: string; seen_at: Date | null; now: Date }>(
    // A stopped worker has seen_at = '-infinity', which JavaScript's dates do not have.
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

async function readRedrives(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
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

/** For a topic that forwards: when a message was forwarded, and its consumer's answer. */
async function readAnswers(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
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

async function readRefused(db: Queryable, ref: MessageRef): Promise<TimelineEntry[]> {
  return (await refusedOfMessage(db, ref, LIMIT)).map(({ refusedAt, what, commandId, code, message }) => ({
    at: refusedAt,
    source: 'command',
    what: `${what} refused`,
    commandId,
    detail: `${code}, ${message}`,
  }));
}
