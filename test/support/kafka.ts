import { type Admin, ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { nanoid } from 'nanoid';
import { type RunningKafka, startKafka } from '../../local/kafka';
import { kafkaPublisher } from '../../src/events/brokers/kafka';
import type { Place, Stored } from './brokers';
import { eventually } from './eventually';

const clientOf = (address: string) =>
  new Kafka({ clientId: 'test', brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 20 } });

/** Asks the broker for what it knows of its topics, or changes it. */
export async function askKafka<Answer>(address: string, ask: (admin: Admin) => Promise<Answer>): Promise<Answer> {
  const admin = clientOf(address).admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

/** All that a topic has stored, each partition in its order. */
export async function storedByKafka(address: string, topic: string): Promise<Stored[]> {
  const consumer = clientOf(address).consumer({ groupId: nanoid() });
  const stored: Stored[] = [];
  try {
    const ends = await askKafka(address, (admin) => admin.fetchTopicOffsets(topic));
    const count = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      async eachMessage({ partition, message }) {
        const headers = Object.fromEntries(
          Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
        );
        const event = JSON.parse(String(message.value));
        stored.push({
          id: headers.ce_id ?? '',
          lane: `${message.key} in ${partition}`,
          headers: { ...headers, key: String(message.key) },
          event,
        });
      },
    });
    await eventually(async () => expect(stored.length).toBeGreaterThanOrEqual(count));
  } finally {
    await consumer.disconnect();
  }
  return stored;
}

export function kafkaPlace(): Place {
  const jars = process.env.POSTDATE_TEST_KAFKA_JARS;
  let address = '';
  let ports: RunningKafka['ports'] | undefined;
  let topic = '';
  return {
    name: 'Kafka',
    ...(!jars && { absent: 'there is no Java, or no Kafka, and its jars cannot be fetched' }),
    async launch(folder) {
      const broker = await startKafka({ jars: jars as string, folder, ports });
      ({ address, ports } = broker);
      return broker;
    },
    publisher: () => kafkaPublisher({ brokers: [address], topic, ssl: false }),
    stored: () => storedByKafka(address, topic),
    async limit(bytes) {
      const configEntries = [{ name: 'max.message.bytes', value: String(bytes) }];
      const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }];
      await askKafka(address, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
    },
    async renew() {
      topic = `postdate.test-${nanoid()}`;
      await askKafka(address, (admin) =>
        admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true }),
      );
    },
  };
}
