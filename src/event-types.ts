import { z } from 'zod';
import { PART } from './admission';
import type { MessageRef } from './contract';

/** A part of a message's name. */
export const part = z.string().regex(PART).max(255);

/** RFC 3339 in UTC, as every event has it. */
export const instant = z.string().meta({ format: 'date-time', description: 'RFC 3339, in UTC' });

export const cycle = z.int().min(1).max(2_147_483_647).describe('which time the message was used: 1, 2, 3 …');

/** What every event has around its `data`: CloudEvents 1.0 in JSON (cloudevents.io), `tenant` and `cycle` as extensions. */
export const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1).describe('the same however often it is sent: drop an event whose id has been seen'),
  source: z.string().describe('/postdate/ and the topic'),
  type: z.string().min(1),
  subject: z.string().describe('tenant/key; events of one subject are in order'),
  time: instant,
  datacontenttype: z.literal('application/json'),
  tenant: part,
  cycle,
  data: z.record(z.string(), z.unknown()),
});

/** A kind of event. From its shape come what its emitter may write, docs/asyncapi.json and what a test holds real events to. */
export interface EventType<Data extends z.ZodObject = z.ZodObject> {
  type: string;
  /** When it is emitted, in a sentence. */
  summary: string;
  data: Data;
}

/** Declares an event type; whoever emits it makes its events with `newEvent`, so that they have the declared shape. */
export const defineEvent = <Data extends z.ZodObject>(event: EventType<Data>): EventType<Data> => event;

/** What an event is about: a message's cycle. */
export type EventOrigin = MessageRef & { cycle: number };

/** An event as its emitter gives it. */
export interface NewEvent {
  origin: EventOrigin;
  type: string;
  data: Record<string, unknown>;
}

/** An event of a declared type. */
export const newEvent = <Data extends z.ZodObject>(
  origin: EventOrigin,
  { type }: EventType<Data>,
  data: z.input<Data>,
): NewEvent => ({ origin, type, data });
