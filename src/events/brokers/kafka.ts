import { Kafka, logLevel, Partitioners, type Producer, type SASLOptions } from 'kafkajs';
import { chunksOf, type RecordOfEvent } from './kafka-records';
import { kafkaRefusalOf, refuseSize } from './kafka-refusal';
import { createLazyConnection } from './lazy-connection';
import type { Publisher, RefusedEvent } from './publisher';
import type { KafkaSettings } from './settings';

const CONNECT_TIMEOUT_MS = 2_000;
// As long as slow replicas may take. A batch takes at most five times that: the last chunk, the requests that kafkajs
// makes before it tries again, and the second try. See LONGEST_PUBLISH_MS.
const REQUEST_TIMEOUT_MS = 10_000;
const PUBLISH_TIMEOUT_MS = 10_000;

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
    async publish(events) {
      const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
      const refused: RefusedEvent[] = [];
      const held = new Set<string>();
      const chunks = chunksOf(events);
      for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) {
        const records = chunk.filter(({ entity }) => !held.has(entity));
        const [first] = records;
        if (!first) continue;
        if (performance.now() > deadline)
          throw new Error(`Kafka took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
        // A connection that a refusal closes is opened again: a Kafka producer counts its batches.
        const reason =
          refuseSize(first.bytes) ?? (await refusalOf(broker.use((producer) => store(producer, topic, records))));
        if (reason === undefined) continue;
        if (records.length === 1) {
          refused.push({ position: first.position, reason });
          held.add(first.entity);
        } else {
          // The broker does not say which of them it refuses.
          const half = Math.ceil(records.length / 2);
          chunks.unshift(records.slice(0, half), records.slice(half));
        }
      }
      return refused;
    },
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

async function store(producer: Producer, topic: string, records: RecordOfEvent[]): Promise<void> {
  try {
    const messages = records.map(({ message }) => message);
    await producer.send({ topic, messages, acks: -1, timeout: REQUEST_TIMEOUT_MS });
  } catch (error) {
    const others = records.length > 1 ? ` and ${records.length - 1} more` : '';
    throw new Error(`Kafka did not store ${records[0]?.id}${others}: ${(error as Error).message}`, { cause: error });
  }
}

/** Why Kafka refuses what was stored; undefined if it is stored. Throws what is no refusal. */
async function refusalOf(storing: Promise<void>): Promise<string | undefined> {
  try {
    await storing;
    return undefined;
  } catch (error) {
    const reason = kafkaRefusalOf(error);
    if (reason === undefined) throw error;
    return reason;
  }
}
