import { z } from 'zod';
import { cloudEvent, type EventType } from '../event-types';
import { ForwardAnswer } from '../forward/answer';
import { dueEventOf, forwardedData } from '../forward/forward-topic';
import { outcomeEvents } from '../landing/outcome-events';
import { laneStopped } from '../lanes/lane-stopped';
import type { Topic } from '../topic';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
export type Json = any;

/** A message of the document: where it stands, what it is called there, and its shape. */
interface Described {
  id: string;
  name: string;
  summary: string;
  shape: z.ZodType;
}

/** An event of one topic, or of any where no source is named. */
const ofType = ({ type, summary, data }: EventType, source?: string): Described => ({
  id: type,
  name: type,
  summary,
  shape: cloudEvent.extend({
    type: z.literal(type),
    ...(source === undefined ? {} : { source: z.literal(source) }),
    data,
  }),
});

/** Forward topics may be declared by configuration alone, so the event of all of them is described by its pattern. */
const forwarded: Described = {
  id: 'forwarded',
  name: dueEventOf('<topic>'),
  summary: 'A message of a topic without a handler is due: whoever listens does the work, and may answer',
  shape: cloudEvent.extend({ type: z.string().regex(/^[A-Za-z0-9._-]+\.due$/), data: forwardedData }),
};

export const eventsOf = (topics: Topic[]): Described[] => [
  ...[...Object.values(outcomeEvents), laneStopped].map((event) => ofType(event)),
  forwarded,
  ...topics.flatMap(({ name, events = [] }) => events.map((event) => ofType(event, `/postdate/${name}`))),
];

/** What a webhook's listener may say in its response; not an event. */
export const answer: Described = {
  id: 'answer',
  name: 'answer',
  summary: 'What comes of a message that was forwarded: it is done, due again at another time, or failed',
  shape: ForwardAnswer,
};

export const messageOf = ({ id, name, summary }: Described): Json => ({
  name,
  title: name,
  summary,
  payload: { $ref: refOf(id) },
});

/** Shapes that several messages share are written once, under their `id`. */
export function schemasOf(described: Described[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const { id, shape } of described) {
    const data = shape instanceof z.ZodObject ? (shape.shape.data as z.ZodType) : undefined;
    const shared = data && z.globalRegistry.get(data)?.id;
    if (data && shared && !registry.has(data)) registry.add(data, { id: shared });
    registry.add(shape, { id });
  }
  // As input: an object then says nothing of fields that it does not know. What JSON Schema cannot say is any value.
  const how = { uri: refOf, io: 'input', target: 'draft-7', unrepresentable: 'any' } as const;
  // Shapes within shapes that have a name, or contain themselves: zod refers to a document of their own, and this is one.
  const text = JSON.stringify(z.toJSONSchema(registry, how)).replaceAll('/__shared#/', '/__shared/');
  const { schemas }: Json = JSON.parse(text);
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, plain(schema)]));
}

const refOf = (id: string) => `#/components/schemas/${id}`;

const plain = ({ $schema, $id, id, ...schema }: Json): Json => schema;
