import { z } from 'zod';
import { cloudEvent, type EventType } from '../event-types';
import { undelivered } from '../landing/undelivered';
import type { Topic } from '../topic';
import { ways, webhookHeaders } from './channels';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document
type Json = any;

// Of the events, not of the program: it rises when what they say changes.
const VERSION = '1.0.0';

const CONTENT_TYPE = 'application/cloudevents+json';

/** The events of these topics as AsyncAPI 3.0, whose schemas are JSON Schema draft 7. */
export function asyncApiOf(topics: Topic[]): Json {
  const events = [
    ...Object.values(undelivered).map((event) => ({ event, source: undefined })),
    ...topics.flatMap(({ name, events = [] }) => events.map((event) => ({ event, source: `/postdate/${name}` }))),
  ];
  const types = events.map(({ event }) => event.type);
  const twice = types.find((type, place) => types.indexOf(type) !== place);
  if (twice) throw new Error(`two events are declared as ${twice}`);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Postdate',
      version: VERSION,
      description:
        'What is told of messages to the future. Every event comes at least once: drop those whose id you have seen. ' +
        'Fields may be added; listeners ignore those that they do not know. See docs/events.md.',
    },
    defaultContentType: CONTENT_TYPE,
    servers: each(({ server }) => server && serverOf(server)),
    channels: each(({ address, title, description, parameters, channelBindings, server }, name) => ({
      address,
      title,
      description,
      ...(server ? { servers: [{ $ref: `#/servers/${name}` }] } : {}),
      ...(parameters ? { parameters } : {}),
      ...(channelBindings ? { bindings: channelBindings } : {}),
      messages: byType(types, (type) => ({ $ref: `#/components/messages/${type}` })),
    })),
    operations: each(({ operationBindings }, name) => ({
      action: 'send',
      channel: { $ref: `#/channels/${name}` },
      ...(operationBindings ? { bindings: operationBindings } : {}),
    })),
    components: {
      messages: Object.fromEntries(events.map(({ event }) => [event.type, messageOf(event)])),
      messageTraits: { event },
      schemas: schemasOf(events),
    },
  };
}

/** docs/asyncapi.json of an installation. */
export const asyncApiText = (topics: Topic[]): string => `${JSON.stringify(asyncApiOf(topics), null, 2)}\n`;

const messageOf = ({ type, summary }: EventType) => ({
  name: type,
  title: type,
  summary,
  payload: { $ref: `#/components/schemas/${type}` },
  traits: [{ $ref: '#/components/messageTraits/event' }],
});

/** How every event travels. */
const event = {
  contentType: CONTENT_TYPE,
  bindings: {
    kafka: { key: { type: 'string', description: 'tenant/key' }, bindingVersion: '0.5.0' },
    http: { headers: webhookHeaders, bindingVersion: '0.3.0' },
  },
};

/** Shapes that several events share are written once, under their `id`. */
function schemasOf(events: { event: EventType; source: string | undefined }[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const { event, source } of events) {
    const id = z.globalRegistry.get(event.data)?.id;
    if (id && !registry.has(event.data)) registry.add(event.data, { id });
    const fields = { type: z.literal(event.type), ...(source ? { source: z.literal(source) } : {}), data: event.data };
    registry.add(cloudEvent.extend(fields), { id: event.type });
  }
  const uri = (id: string) => `#/components/schemas/${id}`;
  // As input: an object then says nothing of fields that it does not know. What JSON Schema cannot say is any value.
  const how = { uri, io: 'input', target: 'draft-7', unrepresentable: 'any' } as const;
  // Shapes within shapes that have a name, or contain themselves: zod refers to a document of their own, and this is one.
  const text = JSON.stringify(z.toJSONSchema(registry, how)).replaceAll('/__shared#/', '/__shared/');
  const { schemas }: Json = JSON.parse(text);
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, plain(schema)]));
}

const plain = ({ $schema, $id, id, ...schema }: Json): Json => schema;

function serverOf({ host, ...rest }: { host: string }) {
  const [, variable] = /^\{(\w+)\}$/.exec(host) ?? [];
  return { host, ...rest, ...(variable ? { variables: { [variable]: { description: 'host:port' } } } : {}) };
}

const byType = <T>(types: string[], of: (type: string) => T) =>
  Object.fromEntries(types.map((type) => [type, of(type)]));

function each<T>(of: (way: (typeof ways)[string], name: string) => T | undefined): Record<string, T> {
  const made = Object.entries(ways).map(([name, way]) => [name, of(way, name)] as const);
  return Object.fromEntries(made.filter((pair): pair is readonly [string, T] => pair[1] !== undefined));
}
