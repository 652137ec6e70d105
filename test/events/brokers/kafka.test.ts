import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nanoid } from 'nanoid';
import { type RunningKafka, startKafka } from '../../../local/kafka';
import { freePort } from '../../../local/ports';
import { kafkaPublisher } from '../../../src/events/brokers/kafka';
import type { Publisher } from '../../../src/events/brokers/publisher';
import type { KafkaSettings } from '../../../src/events/brokers/settings';
import type { StreamedEvent } from '../../../src/events/stream';
import { eventually } from '../../support/eventually';
import { askKafka, storedByKafka } from '../../support/kafka';

// Half a minute until Kafka is there, where neighbours hold the machine.
jest.setTimeout(300_000);

const jars = process.env.POSTDATE_TEST_KAFKA_JARS as string;
const word = jars ? '' : ' (skipped: there is no Java, or no Kafka, and its jars cannot be fetched)';

const streamed = (key: string): StreamedEvent => ({
  position: 1,
  event: {
    specversion: '1.0',
    id: `test.kafka:acme:${key}:1:thing.happened`,
    source: '/postdate/test.kafka',
    type: 'thing.happened',
    subject: `acme/${key}`,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    cycle: 1,
    data: { text: 'Grüße' },
  },
});

(jars ? describe : describe.skip)(`Kafka${word}`, () => {
  let broker: RunningKafka;
  let folder: string;
  let withPassword: string;
  const publishers: Publisher[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postdate-kafka-'));
    const ports = { broker: await freePort(), controller: await freePort() };
    withPassword = `127.0.0.1:${await freePort()}`;
    const [plain, controller] = [`127.0.0.1:${ports.broker}`, `127.0.0.1:${ports.controller}`];
    broker = await startKafka({
      jars,
      folder,
      ports,
      properties: {
        listeners: `PLAINTEXT://${plain},SASL_PLAINTEXT://${withPassword},CONTROLLER://${controller}`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
        'sasl.enabled.mechanisms': 'PLAIN',
        'listener.name.sasl_plaintext.plain.sasl.jaas.config':
          'org.apache.kafka.common.security.plain.PlainLoginModule required user_postdate="right-one";',
      },
    });
  });
  afterEach(() => Promise.all(publishers.splice(0).map((publisher) => publisher.close())));
  afterAll(async () => {
    await broker?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  function publisherOf(settings: Partial<KafkaSettings> & { topic: string }): Publisher {
    const publisher = kafkaPublisher({ brokers: [broker.address], ssl: false, ...settings });
    publishers.push(publisher);
    return publisher;
  }

  it('is given each event as a CloudEvent, keyed by tenant and key, with its attributes as headers', async () => {
    const topic = nanoid();
    const publisher = publisherOf({ topic });
    // The broker makes the topic, where it may; it refuses to store until it has.
    await eventually(() => publisher.publish([streamed('a')]));
    const { event } = streamed('a');
    expect(await storedByKafka(broker.address, topic)).toEqual([
      expect.objectContaining({
        event,
        headers: {
          key: 'acme/a',
          'content-type': 'application/cloudevents+json; charset=UTF-8',
          ce_specversion: '1.0',
          ce_id: event.id,
          ce_source: event.source,
          ce_type: event.type,
          ce_subject: event.subject,
          ce_time: event.time,
          ce_tenant: 'acme',
          ce_cycle: '1',
        },
      }),
    ]);
  });

  it('has the events of one message in one partition, and those of many in all of them', async () => {
    const topic = nanoid();
    await askKafka(broker.address, (admin) =>
      admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true }),
    );
    const publisher = publisherOf({ topic });
    const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
    for (let time = 0; time < 3; time += 1) await publisher.publish(keys.map(streamed));
    const lanes = (await storedByKafka(broker.address, topic)).map(({ lane }) => lane);
    expect(new Set(lanes).size).toBe(keys.length);
    expect(new Set(lanes.map((lane) => lane.split(' in ')[1])).size).toBe(3);
  });

  it('lets in who has the password, and what is said of who has not does not have it either', async () => {
    const login = (password: string) =>
      publisherOf({
        topic: 'any',
        brokers: [withPassword],
        sasl: { mechanism: 'plain', username: 'postdate', password },
      });
    await login('right-one').connect();
    const refusal = await login('wrong-one')
      .connect()
      .then(
        () => undefined,
        (error) => error,
      );
    expect(refusal.message).toMatch(/authentication failed/i);
    const said =
      JSON.stringify(refusal, [...Object.getOwnPropertyNames(refusal), 'cause', 'originalError']) + refusal.stack;
    expect(said).not.toContain('wrong-one');
    await expect(publisherOf({ topic: 'any', brokers: [withPassword] }).connect()).rejects.toThrow();
  });

  it('that is not there fails within seconds', async () => {
    const nobody = publisherOf({ topic: 'any', brokers: [`127.0.0.1:${await freePort()}`] });
    await expect(nobody.connect()).rejects.toThrow('ECONNREFUSED');
  });
});
