/**
 * A channel on which events leave, as the server, channel and operation of AsyncAPI. Names in braces are for the
 * installation to fill in.
 */
export interface EventChannel {
  server?: { host: string; protocol: string; description: string };
  address: string | null;
  title: string;
  description: string;
  parameters?: Record<string, { description: string }>;
  channelBindings?: object;
  operationBindings?: object;
  /** The channel on which a receiver may answer an event at once. */
  answeredOn?: string;
}

/** All channels by name. Each carries the same events, at least once and in order per subject. */
export const eventChannels: Record<string, EventChannel> = {
  postgresql: {
    server: {
      host: '{postgresqlHost}',
      protocol: 'postgresql',
      description: 'The database of ledger and outbox, DATABASE_URL',
    },
    address: 'postdate.outbox',
    title: 'The stream in PostgreSQL',
    description:
      'Rows by position; the event is in payload. Read those past your own position, and commit it with your effect; ' +
      'the channel postdate_stream notifies that there are more.',
  },
  nats: {
    server: { host: '{natsHost}', protocol: 'nats', description: 'NATS with JetStream' },
    address: 'postdate.{topic}.{tenant}.{type}',
    title: 'NATS JetStream',
    description:
      'In the stream POSTDATE, unless it is given another name. Header Nats-Msg-Id is the id of the event. ' +
      'Listen with a durable consumer and explicit acks.',
    parameters: {
      topic: { description: 'The topic of the message, one token: a full stop in it is written as a colon' },
      tenant: { description: 'Whose it is, written in the same way' },
      type: { description: 'The type of the event, with as many tokens as it has' },
    },
  },
  kafka: {
    server: { host: '{kafkaHost}', protocol: 'kafka', description: 'Kafka' },
    address: 'postdate',
    title: 'Kafka',
    description:
      'Or the topic that the installation names. The key is the subject of the event, so that one partition has all ' +
      'events of a message, in order. The attributes are headers as well, as ce_type and so on.',
    channelBindings: { kafka: { topic: 'postdate', bindingVersion: '0.5.0' } },
  },
  webhook: {
    // The receiver is the server, and each receiver has its own address.
    address: null,
    title: 'Webhooks',
    description:
      'POST to each registered endpoint, signed as Standard Webhooks says. Any 2xx is an ack; ' +
      'all else is tried again, for days. Its body may answer a message that was forwarded.',
    operationBindings: { http: { method: 'POST', bindingVersion: '0.3.0' } },
    answeredOn: 'webhookResponse',
  },
};

export const webhookHeaders = {
  type: 'object',
  required: ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
  properties: {
    'webhook-id': { type: 'string', description: 'the id of the event' },
    'webhook-timestamp': { type: 'string', description: 'when it was sent, in Unix seconds' },
    'webhook-signature': {
      type: 'string',
      description: 'v1,<base64 of HMAC-SHA256 over id.timestamp.body>, one for each secret in use',
    },
  },
};
