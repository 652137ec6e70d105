import type { MessageRef } from '../../message/contract';
import type { Queryable } from '../../platform/database/pool';
import type { TimelineEntry } from './timeline-entry';

/** Reads the newest `limit` events of a message from the outbox. */
export async function readEvents(
  db: Queryable,
  { topic, tenant, key }: MessageRef,
  limit: number,
): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{ type: string; time: unknown; cycle: unknown; position: string | null; now: Date }>(
    // By their ids, which begin with the message's name: no other column of the message has an index.
    `select type, payload->'time' as time, payload->'cycle' as cycle, position, clock_timestamp() as now
       from postdate.outbox
      where starts_with(id, $1)
      order by seq desc
      limit $2`,
    [`${topic}:${tenant}:${key}:`, limit],
  );
  return rows.map(({ type, time, cycle, position, now }) => ({
    // A row that a stranger wrote may have neither.
    at: typeof time === 'string' ? time : now.toISOString(),
    source: 'stream',
    what: type,
    cycle: typeof cycle === 'number' ? cycle : undefined,
    detail: position === null ? 'an event, not relayed yet' : `an event, position ${position}`,
  }));
}

/** Reads which of a message's events were set aside for a broker or a consumer, and how that ended. */
export async function readSetAside(
  db: Queryable,
  { topic, tenant, key }: MessageRef,
  limit: number,
): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{
    consumer: string;
    position: string;
    reason: string;
    set_aside_at: Date;
    outcome: string | null;
    ended_at: Date | null;
  }>(
    `select consumer, position, reason, set_aside_at, outcome, ended_at from postdate.set_aside
      where starts_with(event_id, $1) order by set_aside.position desc limit $2`,
    [`${topic}:${tenant}:${key}:`, limit],
  );
  return rows.flatMap(({ consumer, position, reason, set_aside_at, outcome, ended_at }) => {
    const entry = { source: 'stream', detail: `the event at position ${position}` } as const;
    const aside = {
      ...entry,
      at: set_aside_at.toISOString(),
      what: `set aside for ${consumer}`,
      detail: `${entry.detail}: ${reason}`,
    };
    if (!ended_at) return [aside];
    return [aside, { ...entry, at: ended_at.toISOString(), what: `${outcome} for ${consumer}` }];
  });
}

/** Reads which of a message's events a consumer has stopped at, and why. */
export async function readStopped(
  db: Queryable,
  { topic, tenant, key }: MessageRef,
  limit: number,
): Promise<TimelineEntry[]> {
  const { rows } = await db.query<{ consumer: string; position: string; failure: string; failed_since: Date }>(
    `select coalesce(part_of, name) as consumer, failed_position as position, failure, failed_since
       from postdate.consumer join postdate.outbox on outbox.position = failed_position
      where failures > 0 and starts_with(id, $1) order by failed_position desc limit $2`,
    [`${topic}:${tenant}:${key}:`, limit],
  );
  return rows.map(({ consumer, position, failure, failed_since }) => ({
    at: failed_since.toISOString(),
    source: 'stream',
    what: `${consumer} has stopped at it`,
    detail: `the event at position ${position}: ${failure}`,
  }));
}
