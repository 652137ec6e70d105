import { Kafka, logLevel, type Message, Partitioners, type Producer, type SASLOptions } from 'kafkajs';
import type { StreamedEvent } from '../consumer';
import type { PostdateEvent } from '../outbox';
import { createLazyConnection } from './lazy-connection';
import type { Publisher } from './publisher';
import type { KafkaSettings } from './settings';

const CONNECT_TIMEOUT_MS = 2_000;
// As long as slow replicas may take. A batch takes at most five times that: the last chunk, the requests that kafkajs
// makes before it tries again, and the second try. See LONGEST_PUBLISH_MS.
const REQUEST_TIMEOUT_MS = 10_000;
const PUBLISH_TIMEOUT_MS = 10_000;
// Kafkajs makes one record batch of all messages for a partition. Brokers refuse record batches above 1 MB by default.
const CHUNK_BYTES = 512 * 1024;

/**
 * Publishes to a Kafka topic. The key is tenant and key, so the events of a message are in one partition, in their
 * order.
 */
export function kafkaPublisher(settings: KafkaSettings): Publisher {
  const { topic } = settings;
  const kafka = clientOf(settings);
  const broker = createLazyConnection<Producer>({
    async open() {
      const producer = kafka.producer({
        // The broker stores a record once even if kafkajs sends it twice.
        idempotent: true,
        maxInFlightRequests: 1,
        // Java's default partitioner, so that records of other producers with the same key are in the same partition.
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
    // Kafkajs reconnects by itself.
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
    // One retry is for a leader that has moved. The publishing loop handles outages.
    retry: { retries: 1, initialRetryTime: 200 },
    // Kafkajs throws its errors, and the publishing loop logs them.
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

/**
 * A record in CloudEvents' structured mode for Kafka. The attributes are headers as well, so that consumers can filter
 * by them.
 */
function recordOf(event: PostdateEvent): Message & { value: Buffer } {
  const { data, datacontenttype, ...attributes } = event;
  const headers = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, String(value)]);
  return {
    key: event.subject,
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8', ...Object.fromEntries(headers) },
  };
}
