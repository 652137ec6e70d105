import { noopMetricMeter } from '@temporalio/common';
import { publishBatch } from '../../../src/events/brokers/publish-batch';
import { startPublishing } from '../../../src/events/brokers/publish-loop';
import type { Publisher } from '../../../src/events/brokers/publisher';
import { subscribe } from '../../../src/events/consumer';
import { appendEvents, eventIdOf } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import { countSetAside, listSetAside, sendAgain } from '../../../src/events/set-aside-orders';
import type { StreamedEvent } from '../../../src/events/stream';
import { inTransaction } from '../../../src/platform/database/pool';
import { createMetrics } from '../../../src/platform/telemetry/metrics';
import { places, type Stored, useBroker } from '../../support/brokers';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { silentLog } from '../../support/silent-log';

// Kafka is started, killed and started again: half a minute each time, where neighbours hold the machine.
jest.setTimeout(300_000);

const database = useDatabase();
const TYPE = 'test.happened';
const metrics = createMetrics(noopMetricMeter);
const originOf = (key: string, cycle: number) => ({ topic: 'test.streams', tenant: 'acme.eu', key, cycle });
const keysOf = (count: number) => Array.from({ length: count }, (_, index) => `key-${index}`);

beforeEach(async () => {
  await database.pool.query('truncate postdate.outbox, postdate.consumer, postdate.set_aside');
  await database.pool.query('update postdate.stream_head set position = 0');
});

/** Brings an event of each of these cycles, for each key, into the stream; returns their ids. */
async function emit(keys: string[], [from, to]: [number, number], data = {}): Promise<string[]> {
  const cycles = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  const events = cycles.flatMap((cycle) => keys.map((key) => ({ origin: originOf(key, cycle), type: TYPE, data })));
  await inTransaction(database.pool, (tx) => appendEvents(tx, events));
  while ((await relayBatch(database.pool)) > 0);
  return events.map(({ origin, type }) => eventIdOf(origin, type));
}

/** Of whoever publishes. */
const LOCKS = `select pid from pg_locks where locktype = 'advisory'
  and database = (select oid from pg_database where datname = current_database())`;

/** Larger than a broker's limit in a test, and of no message. */
const probe: StreamedEvent = {
  position: 1,
  event: {
    specversion: '1.0',
    id: 'probe',
    source: '/postdate/test.probe',
    type: TYPE,
    subject: 'acme/probe',
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    cycle: 1,
    data: { text: 'x'.repeat(200_000) },
  },
};

const know = ({ name }: Publisher) => subscribe(database.pool, { name, from: 'start' });
const position = async () =>
  Number((await database.pool.query('select max(position) as position from postdate.consumer')).rows[0].position);
/** How many rows of the stream a publisher takes in its next batch. */
const taken = async (publisher: Publisher) => (await publishBatch(database.pool, publisher)).taken;
async function drain(publisher: Publisher): Promise<void> {
  await know(publisher);
  while ((await taken(publisher)) > 0);
}

const sorted = (ids: Iterable<string>) => [...ids].sort();
const idsOf = (stored: Stored[]) => sorted(stored.map(({ id }) => id));
const distinct = (stored: Stored[]) => sorted(new Set(stored.map(({ id }) => id)));
/** The cycles of each lane in the order in which a listener that drops repeats is told of them. */
function told(stored: Stored[]): number[][] {
  const lanes = new Map<string, Set<number>>();
  for (const { lane, event } of stored) lanes.set(lane, (lanes.get(lane) ?? new Set()).add(event.cycle));
  return [...lanes.values()].map((cycles) => [...cycles]);
}
const counting = (to: number) => Array.from({ length: to }, (_, index) => index + 1);
const inOrder = (keys: string[], cycles: number) => keys.map(() => counting(cycles));

/** A loop of `startPublishing` for as long as `during` takes; what went wrong meanwhile. */
async function whilePublishing(publishers: Publisher[], during: (errors: string[]) => Promise<void>): Promise<void> {
  const errors: string[] = [];
  const onError = (error: unknown) => void errors.push((error as Error).message);
  const deps = { pool: database.pool, metrics, log: silentLog, onError };
  const loops = publishers.map((publisher) => startPublishing(deps, publisher, 'start'));
  try {
    await during(errors);
  } finally {
    await Promise.all(loops.map((loop) => loop.stop()));
  }
}
const published = async (events: number) => eventually(async () => expect(await position()).toBe(events));

for (const place of places) {
  const word = place.absent === undefined ? '' : ` (skipped: ${place.absent})`;
  (place.absent === undefined ? describe : describe.skip)(`events published to ${place.name}${word}`, () => {
    const broker = useBroker(place);

    it('arrive once each, with their ids, each message’s in their order', async () => {
      const keys = keysOf(40);
      const ids = await emit(keys, [1, 15]);
      await drain(broker.publisher());
      const stored = await broker.stored();
      expect(idsOf(stored)).toEqual(sorted(ids));
      expect(stored.map(({ id, event }) => id === event.id)).not.toContain(false);
      expect(told(stored)).toEqual(inOrder(keys, 15));
      expect(await position()).toBe(ids.length);
    });

    it('all arrive, none lost and in order, when the broker is killed hard in the midst and comes back', async () => {
      const keys = keysOf(20);
      const before = await emit(keys, [1, 40]);
      await whilePublishing([broker.publisher()], async (errors) => {
        await eventually(async () => expect(await position()).toBeGreaterThan(0));
        await broker.kill();
        const meanwhile = await emit(keys, [41, 60]);
        await eventually(async () => expect(errors.length).toBeGreaterThan(1));
        expect(await position()).toBeLessThan(before.length + meanwhile.length);
        await broker.start();
        await published(before.length + meanwhile.length);
        const stored = await broker.stored();
        expect(distinct(stored)).toEqual(sorted([...before, ...meanwhile]));
        expect(told(stored)).toEqual(inOrder(keys, 60));
      });
    });

    it('are not passed by the position while the broker has not acknowledged them', async () => {
      const publisher = broker.publisher();
      const [first] = await emit(['a'], [1, 1]);
      await drain(publisher);
      expect(await position()).toBe(1);
      const others = await emit(['a'], [2, 5]);
      broker.signal('SIGSTOP');
      let ask = () => {};
      const asked = new Promise<void>((resolve) => (ask = resolve));
      const attempt = publishBatch(database.pool, {
        ...publisher,
        publish(events) {
          ask();
          return publisher.publish(events);
        },
      }).then(
        () => 'acknowledged',
        () => 'failed',
      );
      await asked;
      expect((await database.pool.query(LOCKS)).rowCount).toBe(1);
      expect(await position()).toBe(1);
      await broker.kill();
      expect(await attempt).toBe('failed');
      expect(await position()).toBe(1);

      await broker.start();
      await eventually(() => publishBatch(database.pool, publisher));
      expect(await position()).toBe(5);
      expect(distinct(await broker.stored())).toEqual(sorted([first as string, ...others]));
    });

    it('are known as repeats by their ids when a worker dies between the acknowledgement and the position', async () => {
      const keys = keysOf(10);
      const ids = await emit(keys, [1, 3]);
      const publisher = broker.publisher();
      await know(publisher);
      const dies: Publisher = {
        ...publisher,
        async publish(events) {
          await publisher.publish(events);
          throw new Error('died');
        },
      };
      await expect(publishBatch(database.pool, dies)).rejects.toThrow('died');
      expect(await position()).toBe(0);
      // Another worker goes on.
      await drain(broker.publisher());
      const stored = await broker.stored();
      // NATS drops them itself; a listener of Kafka does.
      expect(stored).toHaveLength(place.name === 'Kafka' ? 2 * ids.length : ids.length);
      expect(distinct(stored)).toEqual(sorted(ids));
      expect(told(stored)).toEqual(inOrder(keys, 3));
    });

    it('are not passed by one whose transaction PostgreSQL has ended, as it was paused, while another went on', async () => {
      const ids = await emit(keysOf(3), [1, 1]);
      const [paused, other] = [broker.publisher(), broker.publisher()];
      await know(paused);
      let [pause, wake] = [() => {}, () => {}];
      const asleep = new Promise<void>((resolve) => (pause = resolve));
      const awake = new Promise<void>((resolve) => (wake = resolve));
      const attempt = publishBatch(database.pool, {
        ...paused,
        async publish(events) {
          pause();
          await awake;
          return paused.publish(events);
        },
      }).then(
        () => 'moved the position',
        (error) => error.message,
      );
      await asleep;
      try {
        expect(await taken(other)).toBe(0);
        // It waits so long for the end of the holder, and with it of the lock.
        await database.pool.query(`select pg_terminate_backend(pid, 10000) from (${LOCKS}) as holder`);
        expect(await taken(other)).toBe(ids.length);
        await emit(keysOf(1), [2, 2]);
      } finally {
        // Also when this fails: its connection would be waited for at the end.
        wake();
      }
      expect(await attempt).toMatch(/terminat|not queryable/);
      expect(await position()).toBe(ids.length);
    });

    it('are published by one of three workers at a time, so that none arrives twice', async () => {
      const keys = keysOf(30);
      const emitted: string[] = [];
      await whilePublishing(
        [1, 2, 3].map(() => broker.publisher()),
        async (errors) => {
          for (let cycle = 1; cycle <= 30; cycle += 1) emitted.push(...(await emit(keys, [cycle, cycle])));
          await published(emitted.length);
          expect(errors).toEqual([]);
        },
      );
      const stored = await broker.stored();
      expect(idsOf(stored)).toEqual(sorted(emitted));
      expect(told(stored)).toEqual(inOrder(keys, 30));
    });

    it('arrive in their order also when one message has more of them than the broker takes at once', async () => {
      const ids = await emit(['large'], [1, 300], { text: 'x'.repeat(10_000) });
      await drain(broker.publisher());
      const stored = await broker.stored();
      expect(idsOf(stored)).toEqual(sorted(ids));
      expect(told(stored)).toEqual([counting(300)]);
    });

    it('are set aside when the broker refuses them, with the later ones of their message; all others arrive, and they once it takes them', async () => {
      const publisher = broker.publisher();
      const first = await emit(['a', 'b'], [1, 1]);
      await drain(publisher);
      const limit = async (bytes: number, refused: number) => {
        await broker.limit(bytes);
        // A broker of Kafka hears of it a moment later.
        await eventually(async () => expect(await publisher.publish([probe])).toHaveLength(refused));
      };
      await limit(100_000, 1);
      const [large] = await emit(['a'], [2, 2], { text: 'x'.repeat(200_000) });
      const behind = await emit(['a'], [3, 4]);
      const others = await emit(['b', 'c'], [2, 4]);
      const stored = async () => (await broker.stored()).filter(({ id }) => id !== probe.event.id);
      const aside = async () =>
        (await listSetAside(database.pool, {}, 100)).map(({ eventId, tries }) => [eventId, tries]);
      await whilePublishing([publisher], async (errors) => {
        await published(11);
        expect(errors).toEqual([]);
        expect(distinct(await stored())).toEqual(sorted([...first, ...others]));
        expect(await aside()).toEqual([[large, 1], ...behind.map((id) => [id, 0])]);
        expect(await countSetAside(database.pool)).toMatchObject([{ consumer: publisher.name, events: 3 }]);

        // Still too large: it is refused once more, and all stays as it was.
        expect(await sendAgain(database.pool, {})).toBe(3);
        await eventually(async () => expect(await aside()).toEqual([[large, 2], ...behind.map((id) => [id, 0])]));
        const [later] = await emit(['a'], [5, 5]);
        await published(12);
        expect((await aside()).map(([id]) => id)).toEqual([large, ...behind, later]);
        expect(distinct(await stored())).toEqual(sorted([...first, ...others]));

        await limit(900_000, 0);
        expect(await sendAgain(database.pool, { eventId: large })).toBe(4);
        await eventually(async () => expect(await aside()).toEqual([]));
        expect(errors).toEqual([]);
      });
      expect(told(await stored()).sort((one, two) => two.length - one.length)).toEqual([
        counting(5),
        counting(4),
        [2, 3, 4],
      ]);
    });

    it('are published again after a replay that was asked for while they were under way', async () => {
      const ids = await emit(keysOf(5), [1, 1]);
      const publisher = broker.publisher();
      await drain(publisher);
      await emit(['new'], [1, 1]);
      const replayed: Publisher = {
        ...publisher,
        async publish(events) {
          const refused = await publisher.publish(events);
          await database.pool.query('update postdate.consumer set position = 2');
          return refused;
        },
      };
      expect(await taken(replayed)).toBe(1);
      expect(await position()).toBe(2);
      expect(await taken(publisher)).toBe(ids.length - 2 + 1);
    });
  });
}
