import { Kafka, logLevel, type Message, Partitioners, type Producer, type SASLOptions } from 'kafkajs';
import type { StreamedEvent } from '../consumer';
import type { PostdateEvent } from '../outbox';
import { createLazyConnection } from './lazy-connection';
import type { Publisher } from './publisher';
import type { KafkaSettings } from './settings';

const CONNECT_TIMEOUT_MS = 2_000;
// As long as replicas that are slow may take. A batch takes five times that at most, with the chunk that is begun last, what
// kafkajs asks for before it tries that once more, and the second try: see LONGEST_PUBLISH_MS.
const REQUEST_TIMEOUT_MS = 10_000;
const PUBLISH_TIMEOUT_MS = 10_000;
// Kafkajs makes one record batch of all that goes to one partition, and brokers refuse those above 1 MB by default.
const CHUNK_BYTES = 512 * 1024;

/** Publishes to a Kafka topic, keyed by tenant and key: the events of a message are in one partition, in their order. */
export function kafkaPublisher(settings: KafkaSettings): Publisher {
  const { topic } = settings;
  const kafka = clientOf(settings);
  const broker = createLazyConnection<Producer>({
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
    disconnect: (producer) => producer.disconnect(),
    // It connects again by itself.
    isClosed: () => false,
  });
  return {
    name: 'kafka',
    connect: () => broker.use(async () => undefined),
    publish: (events) =>
      broker.use(async (producer) => {
        const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
        for (const chunk of chunksOf(events)) {
          if (performance.now() > deadline)
            throw new Error(`Kafka took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
          await store(producer, topic, chunk);
        }
      }),
    close: broker.close,
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
