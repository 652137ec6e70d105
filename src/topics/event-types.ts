import { z } from 'zod';
import { PART } from '../message/admission';
import type { MessageRef } from '../message/contract';

/** Topic, tenant or key. */
export const part = z.string().regex(PART).max(255);

/** RFC 3339 in UTC, as in every event. */
export const instant = z.string().meta({ format: 'date-time', description: 'RFC 3339, in UTC' });

export const cycle = z.int().min(1).max(2_147_483_647).describe('which time the message was used: 1, 2, 3 …');

/**
 * The envelope of every event around its `data`: CloudEvents 1.0 in JSON (cloudevents.io), with `tenant`, `cycle` and
 * `occurrence` as extensions.
 */
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
  occurrence: z
    .int()
    .min(1)
    .max(2_147_483_647)
    .optional()
    .describe('which due time of its post the message has come to, 1, 2, 3 …; a move leaves it; absent if not due yet'),
  data: z.record(z.string(), z.unknown()),
});

/**
 * A type of event. Its schema gives the type for emitters, docs/asyncapi.json, and the check of real events in a test.
 */
export interface EventType<Data extends z.ZodObject = z.ZodObject> {
  type: string;
  /** When it is emitted, in a sentence. */
  summary: string;
  data: Data;
}

/** Declares an event type. Emitters create its events with `newEvent`, which checks the data's type. */
export const defineEvent = <Data extends z.ZodObject>(event: EventType<Data>): EventType<Data> => event;

/** The message and cycle that an event is about. `occurrence`: known where the event is emitted at its landing. */
export type EventOrigin = MessageRef & { cycle: number; occurrence?: number };

/** An event as its emitter gives it. */
export interface NewEvent {
  origin: EventOrigin;
  type: string;
  data: Record<string, unknown>;
  /** What tells it from other events of the same type and cycle, if there may be several. */
  of?: string;
}

/** Creates an event of a declared type. `of` is as in `NewEvent`. */
export const newEvent = <Data extends z.ZodObject>(
  origin: EventOrigin,
  { type }: EventType<Data>,
  data: z.input<Data>,
  of?: string,
): NewEvent => ({ origin, type, data, of });
