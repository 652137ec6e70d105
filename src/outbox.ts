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

/**
 * Appends an event in the caller's transaction: it is published if and only if that transaction commits.
 * A second event of the same cycle and type violates the primary key: one effect has one event.
 */
export async function appendEvent(
  tx: Queryable,
  origin: EventOrigin,
  type: string,
  data: Record<string, unknown>,
): Promise<void> {
  const event: Omit<PostdateEvent, 'time'> = {
    specversion: '1.0',
    id: eventIdOf(origin, type),
    source: `/postdate/${origin.topic}`,
    type,
    subject: `${origin.tenant}/${origin.key}`,
    datacontenttype: 'application/json',
    tenant: origin.tenant,
    cycle: origin.cycle,
    data,
  };
  // The time is the database's, like every other instant that a decision hangs on.
  await tx.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     values ($1, $2, $3, $4, $5::jsonb || jsonb_build_object('time',
       to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))`,
    [event.id, origin.topic, `${origin.tenant}/${origin.key}`, type, JSON.stringify(event)],
  );
}
