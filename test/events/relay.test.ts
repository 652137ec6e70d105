import { setTimeout as pause } from 'node:timers/promises';
import { nanoid } from 'nanoid';
import type { PoolClient } from 'pg';
import { appendEvent } from '../../src/events/outbox';
import { relayBatch, startRelay } from '../../src/events/relay';
import { readRows, readStream } from '../../src/events/stream';
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

describe('a row with a position that no relay gave', () => {
  const atHead = (ahead: number) =>
    database.pool.query(
      `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload, position)
       select $1, 'test.relay', 'acme/' || $1, 'test.happened', (select payload from postdate.outbox limit 1) || $3,
              position + $2
         from postdate.stream_head`,
      [`stranger-${nanoid()}`, ahead, JSON.stringify({ subject: 'acme/stranger' })],
    );

  it.each([1, 2, 1_000_000])('%i ahead stops no relay, and no reader is led past what comes', async (ahead) => {
    const start = await head();
    await atHead(ahead);
    // A reader that looks before the relay has.
    expect(await keysAfter(start)).toEqual([]);
    const keys = [nanoid(), nanoid(), nanoid()];
    await inTransaction(database.pool, async (tx) => {
      for (const key of keys) await append(tx, key);
    });
    await relayBatch(database.pool);
    expect(await keysAfter(start)).toEqual(['stranger', ...keys]);
    expect(await head()).toBe(start + 4);
  });

  it('is taken by a relay that finds nothing else to do', async () => {
    const start = await head();
    await atHead(5);
    expect(await relayBatch(database.pool)).toBe(1);
    expect(await keysAfter(start)).toEqual(['stranger']);
    expect(await relayBatch(database.pool)).toBe(0);
  });
});

it('rows that hold no event get their positions, and are left out by a reader, be they more than it asks for', async () => {
  const start = await head();
  const [before, after] = [nanoid(), nanoid()];
  await inTransaction(database.pool, async (tx) => {
    await append(tx, before);
    await tx.query(
      `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
       select $1 || n, '', '', '', to_jsonb(n) from generate_series(1, 7) as n`,
      [nanoid()],
    );
    await append(tx, after);
  });
  expect(await relayBatch(database.pool)).toBe(9);
  const subjects = async (position: number) =>
    (await readStream(database.pool, position, 3)).map(({ event }) => event.subject);
  expect(await subjects(start)).toEqual([`acme/${before}`]);
  expect(await subjects(start + 1)).toEqual([`acme/${after}`]);
  expect(await subjects(start + 9)).toEqual([]);
});

it('of huge events a reader is given no more than fit into its memory at a time, and all of them in the end', async () => {
  const start = await head();
  const ids = Array.from({ length: 40 }, (_, index) => `huge-${nanoid()}-${index}`);
  await database.pool.query(
    `insert into postdate.outbox (id, aggregatetype, aggregateid, type, payload)
     select id, '', '', '', (select payload from postdate.outbox where aggregateid like 'acme/%' and position is not null limit 1)
                            || jsonb_build_object('id', id, 'data', jsonb_build_object('text', repeat('x', 1000000)))
       from unnest($1::text[]) as id`,
    [ids],
  );
  await relayBatch(database.pool);
  const read: string[] = [];
  for (let from = start; ; ) {
    const rows = await readRows(database.pool, from, 500);
    const last = rows.at(-1);
    if (!last) break;
    expect(rows.length).toBeLessThan(20);
    read.push(...rows.map(({ id }) => id));
    from = last.position;
  }
  expect(read).toEqual(ids);
});
