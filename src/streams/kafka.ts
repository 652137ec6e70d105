import { Kafka, logLevel, type Message, Partitioners, type Producer, type SASLOptions } from 'kafkajs';
import type { StreamedEvent } from '../consumer';
import type { PostdateEvent } from '../outbox';
import { createLink } from './link';
import type { Publisher } from './publisher';
import type { KafkaSettings } from './settings';

// A batch has to be over well before PostgreSQL ends its transaction after 20 s: the chunk that is begun last, and kafkajs's
// second try of it, included.
const CONNECT_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 4_000;
const PUBLISH_TIMEOUT_MS = 8_000;
// Kafkajs makes one record batch of all that goes to one partition, and brokers refuse those above 1 MB by default.
const CHUNK_BYTES = 512 * 1024;

/** Publishes to a Kafka topic, keyed by tenant and key: the events of a message are in one partition, in their order. */
export function kafkaPublisher(settings: KafkaSettings): Publisher {
  const { topic } = settings;
  const kafka = clientOf(settings);
  const link = createLink<Producer>({
    async open() {
      const producer = kafka.producer({
        // What kafkajs sends twice by itself is stored once.
        idempotent: true,
        maxInFlightRequests: 1,
        // The one of Java's client, so that what others key the same is in the same partition.
        createPartitioner: Partitioners.DefaultPartitioner,
      });
      try {
        await producer.connect();
        return producer;
      } catch (error) {
        await producer.disconnect();
        throw error;
      }
    },
    shut: (producer) => producer.disconnect(),
    // It connects again by itself.
    isShut: () => false,
  });
  return {
    name: 'kafka',
    connect: () => link.use(async () => undefined),
    publish: (events) =>
      link.use(async (producer) => {
        const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
        for (const chunk of chunksOf(events)) {
          if (performance.now() > deadline)
            throw new Error(`Kafka took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
          await store(producer, topic, chunk);
        }
      }),
    close: link.close,
  };
}

const clientOf = ({ brokers, ssl, sasl }: KafkaSettings): Kafka =>
  new Kafka({
    clientId: 'postdate',
    brokers,
    ssl,
    ...(sasl && { sasl: sasl as SASLOptions }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Once, for a leader that has moved; an outage is for whoever publishes.
    retry: { retries: 1, initialRetryTime: 200 },
    // What goes wrong is thrown, and logged by whoever catches it.
    logLevel: logLevel.NOTHING,
  });

async function store(producer: Producer, topic: string, chunk: Chunk): Promise<void> {
  try {
    await producer.send({ topic, messages: chunk.records, acks: -1, timeout: REQUEST_TIMEOUT_MS });
  } catch (error) {
    const others = chunk.records.length > 1 ? ` and ${chunk.records.length - 1} more` : '';
    throw new Error(`Kafka did not store ${chunk.firstId}${others}: ${(error as Error).message}`, { cause: error });
  }
}

interface Chunk {
  firstId: string;
  records: Message[];
}

function chunksOf(events: StreamedEvent[]): Chunk[] {
  const chunks: Chunk[] = [];
  let bytes = CHUNK_BYTES;
  for (const { event } of events) {
    const record = recordOf(event);
    bytes += record.value.length;
    if (bytes > CHUNK_BYTES) {
      chunks.push({ firstId: event.id, records: [] });
      bytes = record.value.length;
    }
    chunks.at(-1)?.records.push(record);
  }
  return chunks;
}

/** CloudEvents' binding for Kafka, in structured mode; the attributes are headers as well, to be filtered by. */
function recordOf(event: PostdateEvent): Message & { value: Buffer } {
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, String(value)]);
  return {
    key: event.subject,
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8', ...Object.fromEntries(headers) },
  };
}
