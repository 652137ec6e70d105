import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../../local/databases';
import { startConnect } from '../../../local/debezium';
import { startKafka } from '../../../local/kafka';
import { startPostgres } from '../../../local/postgres';
import { appendEvents, eventIdOf } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import { migrate, postdateSchema } from '../../../src/platform/database/migrate';
import { createPool } from '../../../src/platform/database/pool';
import { eventually } from '../../support/eventually';
import { askKafka, storedByKafka } from '../../support/kafka';
import { commandsOf } from '../../support/pages';

const jars = process.env.POSTDATE_TEST_DEBEZIUM_JARS as string;
const kafkaJars = process.env.POSTDATE_TEST_KAFKA_JARS as string;
const word = jars && kafkaJars ? '' : ' (skipped: there is no Java, or no Debezium, and its jars cannot be fetched)';
const [publication, ...others] = commandsOf('docs/streams.md');
const connector = JSON.parse(publication?.answers.at(-1)?.text ?? '{}');

const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const originOf = (key: string, cycle: number) => ({ topic: 'test.debezium', tenant: 'acme', key, cycle });
const TYPE = 'test.happened';

(word === '' ? it : it.skip)(
  `the connector of the docs publishes each event of the outbox once, those that were there before too${word}`,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'postdate-debezium-'));
    ends.push(() => rm(folder, { recursive: true, force: true }));
    // Started by root, PostgreSQL runs under another account, which must be able to enter.
    await chmod(folder, 0o755);
    const settings = { wal_level: 'logical' };
    const postgres = await startPostgres({ dataFolder: join(folder, 'postgres'), durable: false, settings });
    ends.push(postgres.stop);
    const pool = createPool(await createDatabase(postgres.url, 'postdate'), {
      connections: 4,
      onError: () => undefined,
    });
    ends.push(() => pool.end());
    await migrate(pool, postdateSchema);
    const keys = ['a', 'b', 'c'];
    const emit = async (cycle: number) => {
      await appendEvents(
        pool,
        keys.map((key) => ({ origin: originOf(key, cycle), type: TYPE, data: { text: 'Grüße' } })),
      );
      await relayBatch(pool);
    };
    await emit(1);
    expect(others).toEqual([]);
    await pool.query(publication?.text ?? '');
    await pool.query(`create role debezium login replication password 'pw'; grant usage on schema postdate to debezium;
      grant select on postdate.outbox to debezium`);

    await mkdir(join(folder, 'kafka'));
    const kafka = await startKafka({ jars: kafkaJars, folder: join(folder, 'kafka') });
    ends.push(kafka.stop);
    const { hostname, port } = new URL(postgres.url);
    Object.assign(connector.config, {
      'database.hostname': hostname,
      'database.port': port,
      'database.password': 'pw',
    });
    await mkdir(join(folder, 'connect'));
    const connect = await startConnect({ jars, folder: join(folder, 'connect'), address: kafka.address, connector });
    ends.push(connect.stop);

    const topic = 'postdate.test.debezium';
    const count = async () =>
      (await askKafka(kafka.address, (admin) => admin.fetchTopicOffsets(topic))).reduce(
        (sum, { high }) => sum + Number(high),
        0,
      );
    await eventually(async () => expect(await count()).toBe(3), 120_000);
    await emit(2);
    await eventually(async () => expect(await count()).toBe(6));
    // Neither a removed event nor one that gets its place says anything; what comes after them shows it.
    await pool.query('delete from postdate.outbox');
    await emit(3);
    await eventually(async () => expect(await count()).toBe(9));

    const stored = await storedByKafka(kafka.address, topic);
    const ids = [1, 2, 3].flatMap((cycle) => keys.map((key) => eventIdOf(originOf(key, cycle), TYPE)));
    expect(stored.map(({ headers }) => headers.id).sort()).toEqual(ids.sort());
    for (const { headers, event } of stored) {
      expect(headers).toMatchObject({ key: event.subject, id: event.id, ce_type: TYPE });
      expect(event).toMatchObject({ specversion: '1.0', source: '/postdate/test.debezium', data: { text: 'Grüße' } });
    }
    for (const key of keys) {
      const own = stored.filter(({ event }) => event.subject === `acme/${key}`);
      expect(own.map(({ event }) => event.cycle)).toEqual([1, 2, 3]);
      expect(new Set(own.map(({ lane }) => lane)).size).toBe(1);
    }
  },
  600_000,
);
