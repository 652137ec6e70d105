import { nanoid } from 'nanoid';
import type { Pool, PoolClient } from 'pg';
import { type Consumer, subscribe } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch } from '../../src/events/relay';
import { createPool, inTransaction } from '../../src/platform/database/pool';
import { consumeBatch } from '../support/consume-batch';
import { useDatabase } from '../support/database';

const database = useDatabase();

let one: Pool;
beforeAll(() => {
  one = createPool(database.url, { connections: 1, onError: () => undefined });
});
afterAll(() => one.end());

/** A listener of its own for two events; what it does with the first one, and with the second. */
async function listening(
  first: (tx: PoolClient) => Promise<unknown>,
  second: (tx: PoolClient) => Promise<unknown> = async () => undefined,
) {
  const keys = [nanoid(), nanoid()];
  const consumer: Consumer = {
    name: nanoid(),
    from: 'end',
    handle: async (tx, { event }) => void (await (event.subject === `acme/${keys[0]}` ? first(tx) : second(tx))),
  };
  await subscribe(one, consumer);
  await inTransaction(one, async (tx) => {
    for (const key of keys) {
      await appendEvent(tx, { topic: 'test.lent', tenant: 'acme', key, cycle: 1 }, 'test.happened', {});
    }
  });
  await relayBatch(one);
  return consumer;
}

it.each<[string, (tx: PoolClient) => unknown]>([
  ['commit', (tx) => tx.query('commit')],
  ['rollback', (tx) => tx.query('rollback')],
  ['release its client', (tx) => tx.release()],
])('a listener that would %s has its event tried again, and nothing of it is left', async (_, end) => {
  await one.query('create table if not exists public.heard (name text)');
  let broken = true;
  const consumer = await listening(async (tx) => {
    await tx.query('insert into public.heard values ($1)', [consumer.name]);
    if (broken) await end(tx);
  });
  const heard = async () =>
    (await one.query('select count(*)::int from public.heard where name = $1', [consumer.name])).rows[0].count;
  await expect(consumeBatch(one, consumer)).rejects.toMatchObject({ name: 'LentTransactionError' });
  expect(await heard()).toBe(0);
  broken = false;
  expect(await consumeBatch(one, consumer)).toBe(2);
  expect(await heard()).toBe(1);
});

it('what a listener sets in its session is there neither for its next event, nor for the next transaction', async () => {
  const SEEN = `select current_user as role, current_setting('search_path') as path`;
  const untouched = (await one.query(SEEN)).rows;
  const seen: object[] = [];
  const consumer = await listening(
    (tx) => tx.query("set role pg_monitor; set search_path = 'nowhere'; select pg_advisory_lock(4712)"),
    async (tx) => seen.push((await tx.query(SEEN)).rows[0]),
  );
  expect(await consumeBatch(one, consumer)).toBe(2);
  expect(seen).toEqual(untouched);
  expect((await one.query(SEEN)).rows).toEqual(untouched);
  expect((await database.pool.query('select pg_try_advisory_lock(4712) as free')).rows).toEqual([{ free: true }]);
});

it('a listener that has returned can ask nothing more', async () => {
  const kept: PoolClient[] = [];
  await consumeBatch(one, await listening(async (tx) => kept.push(tx)));
  await expect(kept[0]?.query('select 1')).rejects.toThrow('its call is over');
});
