import type { Topic } from '../../topics/topic';
import { eventChannels, webhookHeaders } from './channels';
import { answer, eventsOf, type Json, messageOf, schemasOf } from './messages';

// The version of the events, not of the program. It rises when an event changes.
const VERSION = '1.2.0';

const CONTENT_TYPE = 'application/cloudevents+json';

/** The events of these topics as an AsyncAPI 3.0 document. Its schemas are JSON Schema draft 7. */
export function asyncApiOf(topics: Topic[]): Json {
  const events = eventsOf(topics);
  const ids = events.map(({ id }) => id);
  const twice = ids.find((id, place) => ids.indexOf(id) !== place);
  if (twice) throw new Error(`two events are declared as ${twice}`);
  const refersTo = (id: string) => [id, { $ref: `#/components/messages/${id}` }] as const;
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
    servers: eachChannel(({ server }) => server && serverOf(server)),
    channels: {
      ...eachChannel(({ address, title, description, parameters, channelBindings, server }, name) => ({
        address,
        title,
        description,
        ...(server ? { servers: [{ $ref: `#/servers/${name}` }] } : {}),
        ...(parameters ? { parameters } : {}),
        ...(channelBindings ? { bindings: channelBindings } : {}),
        messages: Object.fromEntries(ids.map(refersTo)),
      })),
      webhookResponse: {
        address: null,
        title: 'The response to a webhook',
        messages: Object.fromEntries([refersTo(answer.id)]),
      },
    },
    operations: eachChannel(({ operationBindings, answeredOn }, name) => ({
      action: 'send',
      channel: { $ref: `#/channels/${name}` },
      ...(operationBindings ? { bindings: operationBindings } : {}),
      ...(answeredOn ? { reply: { channel: { $ref: `#/channels/${answeredOn}` } } } : {}),
    })),
    components: {
      messages: Object.fromEntries([
        ...events.map((event) => [
          event.id,
          { ...messageOf(event), traits: [{ $ref: '#/components/messageTraits/event' }] },
        ]),
        [answer.id, { ...messageOf(answer), contentType: 'application/json' }],
      ]),
      messageTraits: { event: eventTrait },
      schemas: schemasOf([...events, answer]),
    },
  };
}

/** The text of docs/asyncapi.json for these topics. */
export const asyncApiText = (topics: Topic[]): string => `${JSON.stringify(asyncApiOf(topics), null, 2)}\n`;

/** What all events have in common on every channel. */
const eventTrait = {
  contentType: CONTENT_TYPE,
  bindings: {
    kafka: { key: { type: 'string', description: 'tenant/key' }, bindingVersion: '0.5.0' },
    http: { headers: webhookHeaders, bindingVersion: '0.3.0' },
  },
};

function serverOf({ host, ...rest }: { host: string }) {
  const [, variable] = /^\{(\w+)\}$/.exec(host) ?? [];
  return { host, ...rest, ...(variable ? { variables: { [variable]: { description: 'host:port' } } } : {}) };
}

function eachChannel<T>(of: (way: (typeof eventChannels)[string], name: string) => T | undefined): Record<string, T> {
  const made = Object.entries(eventChannels).map(([name, way]) => [name, of(way, name)] as const);
  return Object.fromEntries(made.filter((pair): pair is readonly [string, T] => pair[1] !== undefined));
}
