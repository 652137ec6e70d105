import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { PoolClient } from 'pg';
import { readStream } from '../../src/events/consumer';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch, startRelay } from '../../src/events/relay';
import { inTransaction } from '../../src/platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../../src/platform/loops/background-loop';
import { useDatabase } from '../support/database';

const database = useDatabase();
const fail = (error: unknown) => {
  throw error;
};

const append = async (tx: PoolClient, key: string, cycle = 1): Promise<void> =>
  appendEvent(tx, { topic: 'test.relay', tenant: 'acme', key, cycle }, 'test.happened', {});

/** The keys of the events past a position, as a reader of the stream gets them. */
async function keysAfter(position: number): Promise<string[]> {
  const events = await readStream(database.pool, position, 10_000);
  return events.map(({ event }) => event.subject.split('/')[1] as string);
}

async function head(): Promise<number> {
  const { rows } = await database.pool.query('select position from postdate.stream_head');
  return Number(rows[0].position);
}

describe('an event whose transaction commits after a later one', () => {
  /** Appends `first`, then `second`, and commits them the other way round, with a look in between and one at the end. */
  async function outOfOrder(look: () => Promise<void>): Promise<[string, string]> {
    const [first, second] = [nanoid(), nanoid()] as const;
    const slow = await database.pool.connect();
    try {
      await slow.query('begin');
      await append(slow, first);
      await inTransaction(database.pool, (tx) => append(tx, second));
      await look();
      await slow.query('commit');
    } finally {
      slow.release();
    }
    await look();
    return [first, second];
  }

  it('is seen by a reader that follows the positions the relay gives', async () => {
    const start = await head();
    const [first, second] = await outOfOrder(async () => void (await relayBatch(database.pool)));
    expect(await keysAfter(start)).toEqual([second, first]);
  });

  it('is lost by a reader that follows the serial numbers (the control)', async () => {
    let cursor = Number((await database.pool.query('select max(seq) from postdate.outbox')).rows[0].max);
    const seen: string[] = [];
    const [first, second] = await outOfOrder(async () => {
      const { rows } = await database.pool.query(
        'select seq, aggregateid from postdate.outbox where seq > $1 order by seq',
        [cursor],
      );
      for (const row of rows) {
        seen.push(row.aggregateid.split('/')[1]);
        cursor = Number(row.seq);
      }
    });
    expect(seen).toContain(second);
    expect(seen).not.toContain(first);
  });
});

describe('many writers, several relays and a reader at one time', () => {
  it('show the reader every event once, those of one entity in their order', async () => {
    const [writers, cycles] = [12, 15];
    await relayBatch(database.pool);
    let cursor = await head();
    const seen: string[] = [];
    const loops: BackgroundLoop[] = [1, 2, 3].map(() => startRelay(database.pool, { onError: fail }));
    loops.push(
      runInBackground(
        async () => {
          const events = await readStream(database.pool, cursor, 7);
          for (const { position, event } of events) {
            seen.push(`${event.subject}#${event.cycle}`);
            cursor = position;
          }
          return 'idle';
        },
        { pauseMs: 1, onError: fail },
      ),
    );
    const keys = Array.from({ length: writers }, () => nanoid());
    await Promise.all(
      keys.map(async (key) => {
        for (let cycle = 1; cycle <= cycles; cycle += 1) {
          await inTransaction(database.pool, async (tx) => {
            await append(tx, key, cycle);
            // Transactions that overlap in every way are the point here; nothing waits for this pause.
            await pause(Math.random() * 10);
          });
        }
      }),
    );
    while (seen.length < writers * cycles) await pause(20);
    await Promise.all(loops.map((loop) => loop.stop()));
    for (const key of keys) {
      const own = seen.filter((name) => name.startsWith(`acme/${key}#`));
      expect(own).toEqual(Array.from({ length: cycles }, (_, index) => `acme/${key}#${index + 1}`));
    }
    expect(seen).toHaveLength(writers * cycles);
  });

  it('leave no position out and use none twice', async () => {
    const { rows } = await database.pool.query(
      `select count(*)::int as events, count(distinct position)::int as distinct, max(position)::int as last
         from postdate.outbox where position is not null`,
    );
    expect(rows[0].events).toBeGreaterThan(100);
    expect(rows[0]).toEqual({ events: rows[0].last, distinct: rows[0].last, last: await head() });
  });
});

it('a relay gives no more than the asked number of positions at a time, the oldest events first', async () => {
  const start = await head();
  await inTransaction(database.pool, async (tx) => {
    // As text, 10 comes before 9: the order is that of the writing, not of the ids.
    for (const cycle of [9, 10, 11]) await append(tx, 'limit', cycle);
  });
  const cycles = async () => (await readStream(database.pool, start, 10)).map(({ event }) => event.cycle);
  expect(await relayBatch(database.pool, 2)).toBe(2);
  expect(await cycles()).toEqual([9, 10]);
  expect(await relayBatch(database.pool, 2)).toBe(1);
  expect(await cycles()).toEqual([9, 10, 11]);
  expect(await relayBatch(database.pool, 2)).toBe(0);
});
