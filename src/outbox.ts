import type { MessageRef } from './contract';
import type { Queryable } from './database';

/** CloudEvents 1.0 in JSON (cloudevents.io); `tenant` and `cycle` are extension attributes. `time` is RFC 3339. */
export interface PostdateEvent<Data = Record<string, unknown>> {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject: string;
  time: string;
  datacontenttype: 'application/json';
  tenant: string;
  cycle: number;
  data: Data;
}

/** What an event is about: a message's cycle. */
export type EventOrigin = MessageRef & { cycle: number };

/** The event's id: the same however often the step that emits it is tried, so that every listener can drop repeats. */
export const eventIdOf = ({ topic, tenant, key, cycle }: EventOrigin, type: string): string =>
  `${topic}:${tenant}:${key}:${cycle}:${type}`;

/** An event as its emitter gives it. */
export interface NewEvent {
  origin: EventOrigin;
  type: string;
  data: Record<string, unknown>;
}

/**
 * Appends events in the caller's transaction: they are published if and only if that transaction commits.
 * A second event of the same cycle and type violates the primary key: one effect has one event.
 */
export async function appendEvents(tx: Queryable, events: NewEvent[]): Promise<void> {
  const rows = events.map(({ origin, type, data }) => {
    const subject = `${origin.tenant}/${origin.key}`;
    const event: Omit<PostdateEvent, 'time'> = {
      specversion: '1.0',
      id: eventIdOf(origin, type),
      source: `/postdate/${origin.topic}`,
      type,
      subject,
      datacontenttype: 'application/json',
      tenant: origin.tenant,
      cycle: origin.cycle,
      data,
    };
    return { id: event.id, topic: origin.topic, subject, type, event: JSON.stringify(event) };
  });
  // The time is the database's, like every other instant that a decision hangs on.
  await tx.query({
    name: 'postdate.append-events',
    text: `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     select id, topic, subject, type, event || jsonb_build_object('time',
              to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[])
         as given (id, topic, subject, type, event)`,
    values: (['id', 'topic', 'subject', 'type', 'event'] as const).map((column) => rows.map((row) => row[column])),
  });
}

export const appendEvent = (tx: Queryable, origin: EventOrigin, type: string, data: Record<string, unknown>) =>
  appendEvents(tx, [{ origin, type, data }]);
