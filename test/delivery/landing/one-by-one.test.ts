import type { PoolClient } from 'pg';
import { land } from '../../../src/delivery/landing/landing';
import { createPool } from '../../../src/platform/database/pool';
import { done, PermanentFailure } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../../support/effects';

const database = useDatabase(effectsSchema);
const once = { effects: 1, decisions: 1, events: 1 };
const nothing = { effects: 0, decisions: 0, events: 0 };
const group = (count: number) => Array.from({ length: count }, () => ({ message: effectMessage(-1_000), late: false }));

it.each([[[]], [[0]], [[0, 1]], [[3, 4]], [[0, 2, 4]], [[1, 2, 3]], [[0, 1, 2, 3, 4]]])(
  'of five messages of a group those whose handlers throw (%p) have no effect and are tried again, and the others land once',
  async (failing) => {
    const deliveries = group(5);
    const badKeys = failing.map((place) => deliveries[place]?.message.key);
    const topic = effectTopic((_, { key }) => {
      if (badKeys.includes(key)) throw new Error('a row of bad luck');
      return done;
    });
    const landings = await land(database.pool, topic, deliveries);
    for (const [place, { message }] of deliveries.entries()) {
      const isBad = failing.includes(place);
      expect(landings[place]).toMatchObject(isBad ? { error: { message: 'a row of bad luck' } } : { decision: {} });
      expect(await traces(database.pool, message.key)).toEqual(isBad ? nothing : once);
    }
  },
);

it('a message that ends as failed, and one whose statement PostgreSQL refuses, leave those behind them as they are', async () => {
  const deliveries = group(4);
  const [first, second] = deliveries.map(({ message }) => message.key);
  const topic = effectTopic(async (tx, { key }) => {
    if (key === first) throw new PermanentFailure('no such invoice');
    if (key === second) await tx.query('select 1 / 0');
    return done;
  });
  expect(await land(database.pool, topic, deliveries)).toMatchObject([
    { decision: { outcome: 'failed' } },
    { error: { message: 'division by zero' } },
    { decision: { outcome: 'delivered' } },
    { decision: { outcome: 'delivered' } },
  ]);
});

it('a message of a group takes one statement beside those of its handler, whether the handler throws or not', async () => {
  const pool = createPool(database.url, { connections: 1, onError: () => undefined });
  const statements: string[] = [];
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      // Those of handlers are objects, with parsers of their own. Named ones are for events, or for the whole group.
      if (typeof args[0] === 'string') statements.push(args[0]);
      return query(...args);
    }) as PoolClient['query'];
  });
  let fails = false;
  const topic = effectTopic(() => {
    fails = !fails;
    if (fails) throw new Error('a row of bad luck');
    return done;
  });
  const countFor = async (messages: number) => {
    statements.length = 0;
    await land(pool, topic, group(messages));
    return statements.length;
  };
  try {
    // The connection's first landing sets up its session.
    await countFor(2);
    // The end of the one message with the begin of the next.
    expect((await countFor(6)) - (await countFor(2))).toBe(4);
  } finally {
    await pool.end();
  }
});
