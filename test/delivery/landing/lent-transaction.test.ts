import { nanoid } from 'nanoid';
import pg, { type Pool, types } from 'pg';
import { z } from 'zod';
import { land } from '../../../src/delivery/landing/landing';
import { type Consumer, subscribe } from '../../../src/events/consumer';
import { relayBatch } from '../../../src/events/relay';
import type { Delivery } from '../../../src/message/contract';
import { createPool } from '../../../src/platform/database/pool';
import { defineTopic } from '../../../src/topics/define-topic';
import { done, type HandlerAnswer, type LandingTransaction, type Topic } from '../../../src/topics/topic';
import { consumeBatch } from '../../support/consume-batch';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../../support/effects';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);
const once = { effects: 1, decisions: 1, events: 1 };
const nothing = { effects: 0, decisions: 0, events: 0 };

/** One connection, so that the next landing gets the one before it. */
let one: Pool;
beforeAll(() => {
  one = createPool(database.url, { connections: 1, onError: () => undefined });
});
afterAll(() => one.end());

const deliveryOf = (fields = {}): Delivery => ({ message: effectMessage(-1_000, fields), late: false });
const keyOf = ({ message }: Delivery) => message.key;
const landOne = async (topic: Topic, delivery = deliveryOf()) => (await land(one, topic, [delivery]))[0];

/** A topic whose handler first does this. */
const doing = (first: (tx: LandingTransaction) => Promise<unknown>, answer: () => HandlerAnswer = () => done) =>
  effectTopic(async (tx) => {
    await first(tx);
    return answer();
  });

describe('a handler that would end its transaction', () => {
  it.each(['commit', 'COMMIT AND CHAIN', ' /* now */ end', 'rollback', 'select 1; commit', "prepare transaction 'x'"])(
    'by %p has its own message tried again; its neighbours in the group land once',
    async (statement) => {
      const odd = deliveryOf();
      let broken = true;
      const topic = effectTopic(async (tx, { key }) => {
        if (broken && key === keyOf(odd)) await tx.query(statement);
        return done;
      });
      const [before, after] = [deliveryOf(), deliveryOf()];
      const landings = await land(one, topic, [before, odd, after]);
      expect(landings).toMatchObject([{ decision: {} }, { error: { name: 'LentTransactionError' } }, { decision: {} }]);
      for (const good of [before, after]) expect(await traces(one, keyOf(good))).toEqual(once);
      expect(await traces(one, keyOf(odd))).toEqual(nothing);
      broken = false;
      expect(await landOne(topic, odd)).toMatchObject({ decision: { outcome: 'delivered' } });
      expect(await traces(one, keyOf(odd))).toEqual(once);
    },
  );

  it.each(['savepoint mine; rollback to mine', `select 'commit; end'`, 'select case when true then 1 end'])(
    'is none if it says %p (the control)',
    async (statement) => {
      const delivery = deliveryOf();
      await landOne(
        doing(({ query }) => query(statement)),
        delivery,
      );
      expect(await traces(one, keyOf(delivery))).toEqual(once);
    },
  );
});

describe('what a handler sets in its session', () => {
  const SEEN = `select current_user as role, session_user as account, current_setting('search_path') as path,
                       current_setting('statement_timeout') as timeout,
                       coalesce(current_setting('app.tenant', true), '') as tenant,
                       (select count(*) from pg_cursors where name = 'mine')::int as cursors,
                       (select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid())::int as locks,
                       (select count(*) from pg_listening_channels())::int as channels,
                       to_regclass('pg_temp.mine') is not null as tables`;
  const SETS = [
    'set role pg_monitor',
    'set session authorization pg_monitor',
    "set search_path = 'nowhere'",
    'set statement_timeout = 1',
    "select set_config('app.tenant', 'globex', false)",
    "select set_config('app.tenant', 'globex', true)",
    'declare mine cursor with hold for select 1',
    'select pg_advisory_lock(4711)',
    'listen mine',
    'create temp table mine (a int)',
  ];

  async function seenAfter(
    statement: string,
    land: (topic: Topic, first: Delivery, next: Delivery) => Promise<unknown>,
  ) {
    const [first, next] = [deliveryOf(), deliveryOf({ tenant: 'next' })];
    const seen: object[] = [];
    const topic = effectTopic(async (tx, { key }) => {
      if (key === keyOf(first)) await tx.query(statement);
      else seen.push((await tx.query(SEEN)).rows[0]);
      return done;
    });
    const landed = await land(topic, first, next);
    return { landed, seen };
  }

  it.each(SETS)('by %p is not there for the next landing of its connection', async (statement) => {
    const untouched = (await one.query(SEEN)).rows;
    const { seen } = await seenAfter(statement, async (topic, first, next) => {
      await landOne(topic, first);
      await landOne(topic, next);
    });
    expect(seen).toEqual(untouched);
  });

  // A lock and a temporary table are the transaction's until it ends.
  it.each(SETS.slice(0, 7))('by %p is not there for the next message of its group', async (statement) => {
    const untouched = (await one.query(SEEN)).rows;
    const { landed, seen } = await seenAfter(statement, (topic, first, next) => land(one, topic, [first, next]));
    expect(landed).toMatchObject([{ decision: { outcome: 'delivered' } }, { decision: { outcome: 'delivered' } }]);
    expect(seen).toEqual(untouched);
  });

  it('would be there on a connection that is not lent (the control)', async () => {
    const client = await one.connect();
    await client.query("set search_path = 'nowhere'");
    client.release();
    expect((await one.query(SEEN)).rows).toMatchObject([{ path: expect.stringContaining('nowhere') }]);
    await one.query('reset all');
  });

  it('by removing prepared statements fails no landing of its connection for ever', async () => {
    const removing = doing(({ query }) => query('deallocate all'));
    for (let times = 0; times < 3; times += 1) await landOne(removing).catch(() => undefined);
    const last = deliveryOf();
    await landOne(effectTopic(), last).catch(() => undefined);
    await landOne(effectTopic(), last);
    expect(await traces(one, keyOf(last))).toEqual(once);
  });

  it('of a set-based handler is not there for our own statements', async () => {
    const delivery = deliveryOf();
    const topic: Topic = {
      ...groupTopic(),
      async landAll({ query }) {
        await query('set local role pg_monitor');
        return [{ do: 'skip', reason: 'paid' }];
      },
    };
    expect(await landOne(topic, delivery)).toMatchObject({ decision: { outcome: 'skipped' } });
  });
});

describe('a handler that has returned', () => {
  it('can neither ask nor emit in the transaction of the next message', async () => {
    const kept: LandingTransaction[] = [];
    await landOne(doing(async (tx) => kept.push(tx)));
    const [{ query, emit }] = kept as [LandingTransaction];
    await expect(query('select 1')).rejects.toThrow('its call is over');
    await expect(emit('test.late', {})).rejects.toThrow('its call is over');
    const told = await new Promise((resolve) => {
      (query as unknown as (text: string, callback: (error: unknown) => void) => void)('select 1', resolve);
    });
    expect(told).toMatchObject({ name: 'LentTransactionError' });
  });

  it('and has left a statement running, hangs: its message is tried again, and the others land', async () => {
    const odd = effectMessage(-1_000);
    const topic: Topic = {
      ...effectTopic(async (tx, { key }) => {
        if (key === odd.key) tx.query('select pg_sleep(60)').catch(() => undefined);
        return done;
      }),
      handlerTimeoutMs: 300,
    };
    const worker = await startHold([topic]);
    const good = [effectMessage(-1_000), effectMessage(-1_000)];
    const trying = expect(worker.deliver(topic, odd)).rejects.toMatchObject({ name: 'HandlerTimeout' });
    await Promise.all(good.map((message) => worker.deliver(topic, message)));
    await trying;
    for (const { key } of good) expect(await traces(database.pool, key)).toEqual(once);
    expect(await traces(database.pool, odd.key)).toEqual(nothing);
  });
});

describe('an application that reads types of PostgreSQL in its own way', () => {
  const INT8 = types.builtins.INT8;
  const ALL = [16, 17, 20, 23, 114, 701, 1009, 1016, 1184, 3802];
  const before = new Map(ALL.map((oid) => [oid, types.getTypeParser(oid)]));
  afterEach(() => {
    for (const [oid, parse] of before) types.setTypeParser(oid, parse);
  });

  it('has its messages landed and its events heard, and its own statements read so', async () => {
    for (const oid of ALL) types.setTypeParser(oid, (text: string) => `odd ${text}`);
    types.setTypeParser(INT8, BigInt);
    const seen: unknown[] = [];
    const delivery = deliveryOf({ repeat: { every: 'P1D', startAt: Date.now(), at: Date.now(), done: 0 } });
    const asking = 'select 7::int8 as n, true as t';
    const topic = doing(async ({ query }) => {
      seen.push(...(await query(asking)).rows, ...(await query({ text: asking })).rows);
    });
    expect(await landOne(topic, delivery)).toMatchObject({
      decision: { outcome: 'delivered', decidedAt: expect.any(Number), next: { cycle: 2 } },
    });
    expect(await landOne(topic, delivery)).toMatchObject({ before: true, decision: { decidedAt: expect.any(Number) } });
    expect(seen).toEqual([
      { n: 7n, t: 'odd t' },
      { n: 7n, t: 'odd t' },
    ]);
    // The control: any other pool of the process reads as the application does.
    const others = new pg.Pool({ connectionString: database.url });
    expect((await others.query(asking)).rows).toEqual([{ n: 7n, t: 'odd t' }]);
    await others.end();
    expect((await one.query(asking)).rows).toEqual([{ n: '7', t: true }]);
    const heard: unknown[] = [];
    const consumer: Consumer = {
      name: nanoid(),
      from: 'start',
      handle: async (tx, { event }) => void heard.push(event, ...(await tx.query(asking)).rows),
    };
    await relayBatch(one);
    await subscribe(one, consumer);
    while ((await consumeBatch(one, consumer)) > 0);
    expect(heard).toContainEqual(
      expect.objectContaining({ type: 'test.happened', subject: `acme/${keyOf(delivery)}` }),
    );
    expect(heard).toContainEqual({ n: 7n, t: 'odd t' });
  });
});

describe('what a handler or an upcast changes of its message', () => {
  const amounts = z.object({ cents: z.number() });
  const billed: number[] = [];
  const topic = (fields: Partial<Topic> = {}): Topic =>
    defineTopic({
      name: 'test.effect',
      payload: amounts,
      payloadVersion: 2,
      upcasts: [
        (old) => {
          // In place, as many would write it.
          const payload = old as { amount?: number; cents?: number };
          payload.cents = (payload.amount ?? Number.NaN) * 100;
          delete payload.amount;
          return payload;
        },
      ],
      async handle(_, { payload }) {
        billed.push(payload.cents);
        return done;
      },
      ...(fields as object),
    });

  beforeEach(() => void billed.splice(0));

  it('counts for that attempt alone', async () => {
    const delivery = deliveryOf({ payload: { amount: 5 } });
    let broken = true;
    const failing = topic({
      async handle(_, message) {
        const { payload } = message as { payload: { cents: number } };
        billed.push(payload.cents);
        payload.cents = 0;
        if (broken) throw new Error('once');
        return done;
      },
    });
    expect(await landOne(failing, delivery)).toMatchObject({ error: {} });
    broken = false;
    expect(await landOne(failing, delivery)).toMatchObject({ decision: { outcome: 'delivered' } });
    expect(billed).toEqual([500, 500]);
  });

  it('in a group that fails is not there when each is handled by itself', async () => {
    const failing = topic({ landAll: () => Promise.reject(new Error('no')) });
    const worker = await startHold([failing]);
    await worker.deliver(failing, effectMessage(-1_000, { payload: { amount: 7 } }));
    expect(billed).toEqual([700]);
  });

  it('as the order of its group is no answer: each is handled by itself', async () => {
    const answers: Record<string, HandlerAnswer> = {};
    const sorting: Topic = {
      ...effectTopic(async (_, { key }) => answers[key] as HandlerAnswer),
      async landAll(_, messages) {
        messages.sort((left, right) => (left.key < right.key ? -1 : 1));
        return messages.map(({ key }) => answers[key] as HandlerAnswer);
      },
    };
    const deliveries = ['z', 'a'].map((letter) => deliveryOf({ key: `${letter}${nanoid()}` }));
    const [last, first] = deliveries.map(keyOf) as [string, string];
    Object.assign(answers, { [last]: { do: 'skip', reason: 'paid' }, [first]: done });
    await expect(land(one, sorting, deliveries)).rejects.toThrow('changed the order');
    const worker = await startHold([sorting]);
    await Promise.all(deliveries.map(({ message }) => worker.deliver(sorting, message)));
    const { rows } = await one.query('select key, outcome from postdate.delivery where key = any($1) order by key', [
      [first, last],
    ]);
    expect(rows).toEqual([
      { key: first, outcome: 'delivered' },
      { key: last, outcome: 'skipped' },
    ]);
  });

  it('or a version that is none, as a payload of another: it ends in sight', async () => {
    const delivery = deliveryOf({ payload: { cents: 5 }, payloadVersion: 0 });
    expect(await landOne(topic(), delivery)).toMatchObject({
      decision: { outcome: 'failed', reason: expect.stringContaining('payloadVersion') },
    });
    expect(billed).toEqual([]);
  });
});
