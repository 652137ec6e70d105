import type { PoolClient } from 'pg';
import { subscribe } from '../../../src/events/consumer';
import { appendEvents } from '../../../src/events/outbox';
import { divide } from '../../../src/events/partition-change';
import { relayBatch } from '../../../src/events/relay';
import { inTransaction } from '../../../src/platform/database/pool';
import { startGauges } from '../../../src/platform/telemetry/gauges';
import type { Metrics } from '../../../src/platform/telemetry/metrics';
import { consumeBatch } from '../../support/consume-batch';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';

type Read = Pick<Metrics, 'oldestEvent' | 'consumerLag' | 'consumerStopped' | 'setAside' | 'unsealed' | 'connections'>;

const database = useDatabase();
/** What was read last, by its name. */
const last: Record<string, number[]> = {};
const note = (name: string, ...values: number[]) => {
  last[name] = values;
};
const metrics: Read = {
  oldestEvent: (ms) => note('oldestEvent', ms),
  consumerLag: note,
  consumerStopped: (consumer, ms) => note(`${consumer} stopped`, ms),
  setAside: (consumer, events) => note(`${consumer} set aside`, events),
  unsealed: (ms) => note('unsealed', ms),
  connections: note,
};
const errors: unknown[] = [];
let gauges: ReturnType<typeof startGauges>;
beforeEach(() => {
  gauges = startGauges({ pool: database.pool, metrics, onError: (error) => errors.push(error) }, { sampleMs: 20 });
});
afterEach(async () => {
  await gauges.stop();
  expect(errors).toEqual([]);
});

const becomes = (name: string, ...values: unknown[]) => eventually(async () => expect(last[name]).toEqual(values));
/** More than none. */
const someMs = { asymmetricMatch: (ms: unknown) => Number(ms) > 0, toString: () => 'some ms' };
const append = (cycle: number) =>
  inTransaction(database.pool, (tx) =>
    appendEvents(tx, [{ origin: { topic: 't', tenant: 'acme', key: 'k', cycle }, type: 'happened', data: {} }]),
  );

it('the oldest event without its place ages until it is relayed', async () => {
  await becomes('oldestEvent', 0);
  await append(1);
  await becomes('oldestEvent', someMs);
  await relayBatch(database.pool);
  await becomes('oldestEvent', 0);
});

it('a consumer is behind by the events that it has not read, since the first of them', async () => {
  const consumer = { name: 'listener', from: 'start' as const, handle: async () => undefined };
  await subscribe(database.pool, consumer);
  await append(2);
  await relayBatch(database.pool);
  await becomes('listener', 2, someMs);
  await consumeBatch(database.pool, consumer, 1);
  await becomes('listener', 1, someMs);
  await consumeBatch(database.pool, consumer);
  await becomes('listener', 0, 0);
});

it('a consumer has stopped since it fails at an event, and is behind as its last partition is', async () => {
  let broken = true;
  const handle = async () => (broken ? Promise.reject(new Error('not today')) : undefined);
  const consumer = { name: 'halting', from: 'start' as const, partitions: 3, handle };
  await subscribe(database.pool, consumer);
  await divide(database.pool, consumer);
  await becomes('halting stopped', 0);
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('not today');
  await becomes('halting stopped', someMs);
  await becomes('halting', 2, someMs);
  broken = false;
  while ((await consumeBatch(database.pool, consumer)) > 0);
  await becomes('halting stopped', 0);
  await becomes('halting', 0, 0);
});

it('a consumer that is removed is behind by nothing', async () => {
  await subscribe(database.pool, { name: 'gone', from: 'start' });
  await becomes('gone', 2, someMs);
  await database.pool.query(`delete from postdate.consumer where name = 'gone'`);
  await becomes('gone', 0, 0);
});

it('a row that holds no event is set aside for a consumer, and stops no reading', async () => {
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     values ('junk', 't', 'acme/k', 'happened', '{"time": "yesterday", "cycle": "many"}')`,
  );
  const consumer = { name: 'wary', from: 'end' as const, handle: async () => undefined };
  await subscribe(database.pool, consumer);
  await becomes('wary set aside', 0);
  await relayBatch(database.pool);
  await consumeBatch(database.pool, consumer);
  await becomes('wary set aside', 1);
  await becomes('oldestEvent', 0);
  await database.pool.query(`delete from postdate.consumer where name = 'wary'`);
  await becomes('wary set aside', 0);
});

it('the last seal ages from the end of its day', async () => {
  await becomes('unsealed', 0);
  const sealed = `insert into postdate.ledger_day (day, decisions, hash)
                  values ((clock_timestamp() at time zone 'UTC')::date - 2, 0, 'x')`;
  await database.pool.query(sealed);
  const aDay = 86_400_000;
  await eventually(async () => expect(last.unsealed?.[0]).toBeGreaterThanOrEqual(aDay));
  expect(last.unsealed?.[0]).toBeLessThan(2 * aDay + 60_000);
});

it('the pool says who uses a connection, and who waits for one', async () => {
  const before = last.used?.[0] ?? 0;
  await becomes('waiting', 0);
  // As many as the pool has, and three more.
  const taken = Array.from({ length: 23 }, () => database.pool.connect().then((client) => void held.push(client)));
  const held: PoolClient[] = [];
  await eventually(async () => expect(last.waiting?.[0]).toBeGreaterThanOrEqual(3));
  expect(last.used).toEqual([20]);
  await eventually(async () => {
    for (const client of held.splice(0)) client.release();
    expect(last.waiting).toEqual([0]);
  });
  await Promise.all(taken);
  for (const client of held) client.release();
  await eventually(async () => expect(last.used?.[0]).toBeLessThanOrEqual(before + 1));
});
