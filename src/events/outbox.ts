import type { z } from 'zod';
import type { Queryable } from '../platform/database/pool';
import type { cloudEvent, EventOrigin, NewEvent } from '../topics/event-types';
import { eventDataText } from './event-data';

/** An event as every listener gets it. */
export type PostdateEvent<Data = Record<string, unknown>> = Omit<z.output<typeof cloudEvent>, 'data'> & { data: Data };

/** The beginning of every event's source; the topic follows. */
export const SOURCE = '/postdate/';

/** The event's id. It is the same however often the emitting step is tried, so that every listener can drop repeats. */
export const eventIdOf = ({ topic, tenant, key, cycle }: EventOrigin, type: string, of?: string): string =>
  `${topic}:${tenant}:${key}:${cycle}:${type}${of === undefined ? '' : `:${of}`}`;

/** The message that an event is about, read from its envelope. */
export function originOf({ source, tenant, subject, cycle }: PostdateEvent): EventOrigin {
  return { topic: source.slice(SOURCE.length), tenant, key: subject.slice(tenant.length + 1), cycle };
}

/** The name of an event's entity. The events of one entity are sent in order. */
export const entityOf = ({ source, subject }: Pick<PostdateEvent, 'source' | 'subject'>): string =>
  `${source.slice(SOURCE.length)} ${subject}`;

// The database's, like every instant that a decision depends on. As a question of its own it is asked once for a statement.
const TIME = `(select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`;
const payloadWith = (more = '') => `jsonb_build_object(
              'specversion', '1.0', 'id', id, 'source', '${SOURCE}' || topic, 'type', type, 'subject', subject,
              'time', ${TIME}, 'datacontenttype', 'application/json', 'tenant', tenant, 'cycle', cycle, 'data', data${more})`;

/**
 * Appends events in the caller's transaction: they are published if and only if that transaction commits. A second
 * event of the same cycle and type violates the primary key: one effect has one event.
 */
export async function appendEvents(tx: Queryable, events: NewEvent[]): Promise<void> {
  const origins = events.map(({ origin }) => origin);
  await tx.query({
    name: 'postdate.append-events',
    // PostgreSQL assembles the events from their parts: for a group, sending and parsing whole events costs more than
    // inserting them. Each is made at once: to add its occurrence to a finished object would copy that.
    text: `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     select id, topic, subject, type, case when occurrence is null then ${payloadWith()}
            else ${payloadWith(", 'occurrence', occurrence")} end
       from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::jsonb[], $8::integer[])
         as given (id, topic, subject, tenant, cycle, type, data, occurrence)`,
    values: [
      events.map(({ origin, type, of }) => eventIdOf(origin, type, of)),
      origins.map(({ topic }) => topic),
      origins.map(({ tenant, key }) => `${tenant}/${key}`),
      origins.map(({ tenant }) => tenant),
      origins.map(({ cycle }) => cycle),
      events.map(({ type }) => type),
      events.map(({ data }) => eventDataText(data)),
      origins.map(({ occurrence }) => occurrence ?? null),
    ],
  });
}

export const appendEvent = (tx: Queryable, origin: EventOrigin, type: string, data: Record<string, unknown>) =>
  appendEvents(tx, [{ origin, type, data }]);
