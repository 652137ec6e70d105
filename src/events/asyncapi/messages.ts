import { z } from 'zod';
import { cloudEvent, type EventType } from '../../topics/event-types';
import { dueEventOf, forwardedData } from '../../topics/forward-topic';
import type { Topic } from '../../topics/topic';
import { ForwardAnswer } from '../answers/answer';
import { commandRefused, laneStopped, outcomeEvents } from '../postdate-events';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
export type Json = any;

/** A message of the document: its id and name there, and its schema. */
interface MessageDescription {
  id: string;
  name: string;
  summary: string;
  shape: z.ZodType;
}

/** Describes an event of one topic, or of any topic if no source is given. */
const ofType = ({ type, summary, data }: EventType, source?: string): MessageDescription => ({
  id: type,
  name: type,
  summary,
  shape: cloudEvent.extend({
    type: z.literal(type),
    ...(source === undefined ? {} : { source: z.literal(source) }),
    data,
  }),
});

/** Configuration alone can declare forward topics, so one pattern describes the event of all of them. */
const forwarded: MessageDescription = {
  id: 'forwarded',
  name: dueEventOf('<topic>'),
  summary: 'A message of a topic without a handler is due: whoever listens does the work, and may answer',
  shape: cloudEvent.extend({ type: z.string().regex(/^[A-Za-z0-9._-]+\.due$/), data: forwardedData }),
};

export const eventsOf = (topics: Topic[]): MessageDescription[] => [
  ...[...Object.values(outcomeEvents), commandRefused, laneStopped].map((event) => ofType(event)),
  forwarded,
  ...topics.flatMap(({ name, events = [] }) => events.map((event) => ofType(event, `/postdate/${name}`))),
];

/** A listener's response to a webhook, which may answer a forwarded message. It is no event. */
export const answer: MessageDescription = {
  id: 'answer',
  name: 'answer',
  summary: 'What comes of a message that was forwarded: it is done, due again at another time, or failed',
  shape: ForwardAnswer,
};

export const messageOf = ({ id, name, summary }: MessageDescription): Json => ({
  name,
  title: name,
  summary,
  payload: { $ref: refOf(id) },
});

/** The schemas of these messages. A schema that several messages share is written once, under its `id`. */
export function schemasOf(described: MessageDescription[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const { id, shape } of described) {
    const data = shape instanceof z.ZodObject ? (shape.shape.data as z.ZodType) : undefined;
    const shared = data && z.globalRegistry.get(data)?.id;
    if (data && shared && !registry.has(data)) registry.add(data, { id: shared });
    registry.add(shape, { id });
  }
  // As input: the schema of an object then does not exclude unknown fields. What JSON Schema cannot express becomes any
  // value.
  const how = { uri: refOf, io: 'input', target: 'draft-7', unrepresentable: 'any' } as const;
  // For nested schemas with a name, or recursive ones, zod refers to a separate document. Here all are in this one.
  const text = JSON.stringify(z.toJSONSchema(registry, how)).replaceAll('/__shared#/', '/__shared/');
  const { schemas }: Json = JSON.parse(text);
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, plain(schema)]));
}

const refOf = (id: string) => `#/components/schemas/${id}`;

const plain = ({ $schema, $id, id, ...schema }: Json): Json => schema;
