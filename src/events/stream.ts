import type { Queryable } from '../platform/database/pool';
import { entityOf, type PostdateEvent } from './outbox';
import { readEvent } from './read-event';

/** An event and its position in the stream. */
export interface StreamedEvent {
  position: number;
  event: PostdateEvent;
}

/** A row of the stream. Without an event it has the reason why it holds none. */
export type StreamRow = { position: number; id: string } & (
  | { event: PostdateEvent; unreadable?: undefined }
  | { event?: undefined; unreadable: string }
);

export interface PayloadRow {
  position: string;
  id: string;
  payload: unknown;
  /** By the row's columns, for a reader that keeps order by them. */
  entity?: string | null;
}

export function streamRowOf({ position, id, payload, entity }: PayloadRow): StreamRow {
  const row = { position: Number(position), id };
  const read = readEvent(payload);
  // Its partition follows from the columns. Beside other events of the message it would be out of order.
  const isElsewhere = 'event' in read && typeof entity === 'string' && entityOf(read.event) !== entity;
  return { ...row, ...(isElsewhere ? { unreadable: 'no event: its columns name another message' } : read) };
}

// Of a reader's memory. An event is as large as its emitter made it.
const MAX_BYTES = 16 * 1024 * 1024;

/** SQL: the first rows of these, by position, that fit into a reader's memory together; one at least. */
export const withinMemory = (rows: string): string =>
  `select * from (
     select next.*, sum(octet_length(payload::text)) over (order by position rows unbounded preceding)
                      - octet_length(payload::text) as bytes_before
       from (${rows}) as next) as measured
    where bytes_before < ${MAX_BYTES}`;

/**
 * Reads up to `limit` rows past `position`, in order, and no more than fit into 16 MB; one at least, unless there is none. It
 * neither reads nor moves a consumer's position.
 */
export async function readRows(db: Queryable, position: number, limit: number): Promise<StreamRow[]> {
  const { rows } = await db.query<PayloadRow>(
    // Up to the head: a row beyond it was given no position by the relay, and a reader would skip what comes in between.
    `${withinMemory(`select position, id, payload from postdate.outbox
                      where position > $1 and position <= (select position from postdate.stream_head)
                      order by position limit $2`)}
      order by position`,
    [position, limit],
  );
  return rows.map((row) => streamRowOf(row));
}

/**
 * Reads up to `limit` events past `position`, in order; none only at the end of the stream. It neither reads nor moves a
 * consumer's position. Rows that hold no event are left out.
 */
export async function readStream(db: Queryable, position: number, limit: number): Promise<StreamedEvent[]> {
  let from = position;
  // Rows without an event only: a reader would take an empty answer for the end of the stream.
  for (;;) {
    const rows = await readRows(db, from, limit);
    const events = rows.flatMap(({ position: at, event }) => (event ? [{ position: at, event }] : []));
    if (events.length > 0 || rows.length === 0) return events;
    from = rows.at(-1)?.position ?? from;
  }
}
