import { nanoid } from 'nanoid';
import { type Consumer, replayFrom, subscribe } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch, STREAM_CHANNEL } from '../../src/events/relay';
import { listSetAside, sendAgain } from '../../src/events/set-aside-orders';
import { startConsumer } from '../../src/events/start-consumer';
import { listenForHints } from '../../src/platform/database/hints';
import { inTransaction } from '../../src/platform/database/pool';
import { errorContextOf } from '../../src/platform/telemetry/error-context';
import { consumeBatch } from '../support/consume-batch';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const database = useDatabase();
const names = (count: number) => Array.from({ length: count }, () => nanoid());

/** Publishes an event for each key. */
async function publish(keys: string[]): Promise<void> {
  await inTransaction(database.pool, async (tx) => {
    for (const key of keys) {
      await appendEvent(tx, { topic: 'test.consumer', tenant: 'acme', key, cycle: 1 }, 'test.happened', {});
    }
  });
  await relayBatch(database.pool);
}

/** A consumer that notes the keys it is given in `seen`, inside its transaction only in memory. */
function noting(fields: Partial<Consumer> = {}) {
  const seen: string[] = [];
  const consumer: Consumer = {
    name: nanoid(),
    from: 'end',
    async handle(_tx, { event }) {
      seen.push(event.subject.replace('acme/', ''));
    },
    ...fields,
  };
  return { seen, consumer };
}

const drain = async (consumer: Consumer, limit?: number) => {
  while ((await consumeBatch(database.pool, consumer, limit)) > 0);
};

it('consumers of different names each see every event, in order, each at its own pace', async () => {
  const keys = names(10);
  const [fast, slow] = [noting(), noting()];
  await subscribe(database.pool, fast.consumer);
  await subscribe(database.pool, slow.consumer);
  await publish(keys);
  await drain(fast.consumer);
  expect(await consumeBatch(database.pool, slow.consumer, 3)).toBe(3);
  expect(fast.seen).toEqual(keys);
  expect(slow.seen).toEqual(keys.slice(0, 3));
  await drain(slow.consumer, 4);
  expect(slow.seen).toEqual(keys);
});

it('a consumer goes on where it was, and one of a new name begins where it asks to', async () => {
  const [early, later] = [names(3), names(2)];
  await publish(early);
  const [atEnd, atStart] = [noting({ from: 'end' }), noting({ from: 'start' })];
  await subscribe(database.pool, atEnd.consumer);
  await subscribe(database.pool, atStart.consumer);
  await publish(later);
  await drain(atEnd.consumer);
  await drain(atStart.consumer);
  expect(atEnd.seen).toEqual(later);
  expect(atStart.seen.slice(-5)).toEqual([...early, ...later]);
  await subscribe(database.pool, atStart.consumer);
  expect(await consumeBatch(database.pool, atStart.consumer)).toBe(0);
});

it('a consumer replays from any position', async () => {
  const keys = names(5);
  const { seen, consumer } = noting();
  await subscribe(database.pool, consumer);
  const { rows } = await database.pool.query('select position from postdate.consumer where name = $1', [consumer.name]);
  await publish(keys);
  await drain(consumer);
  await replayFrom(database.pool, consumer.name, Number(rows[0].position) + 2);
  await drain(consumer);
  expect(seen).toEqual([...keys, ...keys.slice(2)]);
  await expect(replayFrom(database.pool, 'nobody', 0)).rejects.toThrow('nobody');
});

it('four processes of one consumer make each effect once', async () => {
  await database.pool.query('create table if not exists effect (name text, key text)');
  const keys = names(40);
  const { consumer } = noting({
    async handle(tx, { event }) {
      await tx.query('insert into effect (name, key) values ($1, $2)', [consumer.name, event.subject]);
    },
  });
  await subscribe(database.pool, consumer);
  await publish(keys);
  const onError = (error: unknown) => {
    throw error;
  };
  const loops = [1, 2, 3, 4].map(() => startConsumer(database.pool, consumer, { onError, pauseMs: 5 }));
  const count = async () =>
    (await database.pool.query('select count(*)::int as n from effect where name = $1', [consumer.name])).rows[0].n;
  await eventually(async () => expect(await count()).toBeGreaterThanOrEqual(keys.length));
  await Promise.all(loops.map((loop) => loop.stop()));
  expect(await count()).toBe(keys.length);
});

it('an event that cannot be handled is tried again and never skipped; what came before it is kept', async () => {
  const keys = names(3);
  let broken = true;
  const { seen, consumer } = noting();
  const handle = consumer.handle;
  consumer.handle = async (tx, streamed) => {
    if (broken && streamed.event.subject === `acme/${keys[1]}`) throw new Error('the mail server is away');
    await handle(tx, streamed);
  };
  await subscribe(database.pool, consumer);
  await publish(keys);
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('the mail server is away');
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('the mail server is away');
  expect(seen).toEqual(keys.slice(0, 1));
  broken = false;
  await drain(consumer);
  expect(seen).toEqual(keys);
});

it('a row that holds no event is set aside, those around it are handled, and it too once it is an event', async () => {
  const keys = names(3);
  const { seen, consumer } = noting();
  await subscribe(database.pool, consumer);
  await publish(keys);
  const id = `test.consumer:acme:${keys[1]}:1:test.happened`;
  const { rows } = await database.pool.query('select payload from postdate.outbox where id = $1', [id]);
  const write = (payload: unknown) =>
    database.pool.query('update postdate.outbox set payload = $2 where id = $1', [id, JSON.stringify(payload)]);
  await write({ ...rows[0].payload, subject: null });
  expect(await consumeBatch(database.pool, consumer)).toBe(3);
  expect(seen).toEqual([keys[0], keys[2]]);
  const aside = () => listSetAside(database.pool, { consumer: consumer.name }, 10);
  expect(await aside()).toMatchObject([{ eventId: id, reason: expect.stringMatching(/^no event: subject/), tries: 1 }]);

  await sendAgain(database.pool, { consumer: consumer.name });
  await drain(consumer);
  expect(await aside()).toMatchObject([{ eventId: id, tries: 2 }]);
  await write(rows[0].payload);
  await sendAgain(database.pool, { consumer: consumer.name });
  await drain(consumer);
  expect(seen).toEqual([keys[0], keys[2], keys[1]]);
  expect(await aside()).toEqual([]);
});

it('one that was set aside and at which the listener throws stays so: what comes after it is handled', async () => {
  const keys = names(2);
  const { seen, consumer } = noting();
  await subscribe(database.pool, consumer);
  await publish(keys.slice(0, 1));
  await database.pool.query(`update postdate.outbox set payload = payload || '{"cycle": 0}' where aggregateid = $1`, [
    `acme/${keys[0]}`,
  ]);
  await drain(consumer);
  await database.pool.query(`update postdate.outbox set payload = payload || '{"cycle": 1}' where aggregateid = $1`, [
    `acme/${keys[0]}`,
  ]);
  const handle = consumer.handle;
  consumer.handle = async () => Promise.reject(new Error('it is not to my taste'));
  await sendAgain(database.pool, { consumer: consumer.name });
  await publish(keys.slice(1));
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('it is not to my taste');
  consumer.handle = handle;
  await drain(consumer);
  expect(seen).toEqual(keys.slice(1));
  expect(await listSetAside(database.pool, { consumer: consumer.name }, 10)).toMatchObject([
    { reason: 'it is not to my taste', tries: 2 },
  ]);
});

it('a listener that hangs is given up when PostgreSQL ends its transaction, delays no other listener, and is tried again', async () => {
  const keys = names(2);
  const [hanging, quiet] = [noting(), noting()];
  let hangs = true;
  const handle = hanging.consumer.handle;
  hanging.consumer.handle = async (tx, streamed) => {
    await handle(tx, streamed);
    if (!hangs) return;
    // In place of the twenty seconds of every connection.
    await tx.query("set local idle_in_transaction_session_timeout = '200ms'");
    await new Promise(() => undefined);
  };
  for (const { consumer } of [hanging, quiet]) await subscribe(database.pool, consumer);
  await publish(keys);
  const errors: unknown[] = [];
  const onError = (error: unknown) => {
    hangs = false;
    errors.push(error);
  };
  const loops = [hanging, quiet].map(({ consumer }) => startConsumer(database.pool, consumer, { onError, pauseMs: 5 }));
  try {
    await eventually(async () => expect(quiet.seen).toEqual(keys));
    await eventually(async () => expect(hanging.seen).toEqual([keys[0], ...keys]));
    expect(errors).toHaveLength(1);
    expect(errorContextOf(errors[0])).toMatchObject({ topic: 'test.consumer', key: keys[0] });
  } finally {
    await Promise.all(loops.map((loop) => loop.stop()));
  }
});

it('an effect that fails half-way is undone, and is there once when it has been tried again', async () => {
  await database.pool.query('create table half (name text, key text)');
  const keys = names(3);
  let broken = true;
  const { consumer } = noting({
    async handle(tx, { event }) {
      await tx.query('insert into half (name, key) values ($1, $2)', [consumer.name, event.subject]);
      if (broken && event.subject === `acme/${keys[1]}`) throw new Error('the mail server is away');
    },
  });
  const effects = async () => (await database.pool.query('select key from half')).rows.map(({ key }) => key);
  await subscribe(database.pool, consumer);
  await publish(keys);
  await expect(consumeBatch(database.pool, consumer)).rejects.toThrow('the mail server is away');
  expect(await effects()).toEqual([`acme/${keys[0]}`]);
  broken = false;
  await drain(consumer);
  expect(await effects()).toEqual(keys.map((key) => `acme/${key}`));
});

it('hints that the stream has grown come again after their connection was cut', async () => {
  let hints = 0;
  const hinting = listenForHints(database.url, database.pool, { onError: () => undefined });
  hinting.on(STREAM_CHANNEL, () => (hints += 1));
  const listening = async () =>
    (
      await database.pool.query(
        `select pid from pg_stat_activity where application_name = 'postdate hints' and datname = current_database()`,
      )
    ).rows;
  try {
    // The first hint is the one for what came before anybody listened.
    await eventually(async () => expect(hints).toBe(1));
    await publish(names(1));
    await eventually(async () => expect(hints).toBe(2));

    const [{ pid }] = (await listening()) as [{ pid: number }];
    await database.pool.query('select pg_terminate_backend($1)', [pid]);
    await eventually(async () => expect(hints).toBe(3));
    expect(await listening()).not.toContainEqual({ pid });
    await publish(names(1));
    await eventually(async () => expect(hints).toBe(4));
  } finally {
    await hinting.stop();
  }
});

it('an account that notifies without end makes no reader look without a pause, and its last hint is not lost', async () => {
  let hints = 0;
  const hinting = listenForHints(database.url, database.pool, { onError: () => undefined });
  hinting.on(STREAM_CHANNEL, () => (hints += 1));
  await eventually(async () => expect(hints).toBe(1));
  const startedAt = performance.now();
  for (let notes = 0; notes < 300; notes += 1) await database.pool.query('notify postdate_stream');
  await eventually(async () => expect(hints).toBeGreaterThan(1));
  // One for each pause of 50 ms, and one at either end.
  expect(hints).toBeLessThanOrEqual((performance.now() - startedAt) / 50 + 2);
  const before = hints;
  await database.pool.query('notify postdate_stream');
  await eventually(async () => expect(hints).toBeGreaterThan(before));
  await hinting.stop();
});
