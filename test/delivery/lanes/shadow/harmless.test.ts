import type { PoolClient } from 'pg';
import { land } from '../../../../src/delivery/landing/landing';
import { endsTransaction } from '../../../../src/delivery/lanes/shadow/guarded-query';
import { inNoCommitTransaction } from '../../../../src/delivery/lanes/shadow/no-commit-transaction';
import { createPool } from '../../../../src/platform/database/pool';
import { done } from '../../../../src/topics/topic';
import { useDatabase } from '../../../support/database';
import { eventually } from '../../../support/eventually';
import { runLocal } from '../../../support/local-process';
import { type Handle, shelfSchema, shelfTopic, useShelf } from '../../../support/shadow';

const database = useDatabase(shelfSchema);
const shelf = useShelf(database);
const stable = shelfTopic(async () => done);

const insert = `insert into shelf.elsewhere values ('left behind')`;
const hang = () => new Promise<never>(() => undefined);
/** Hidden from a reader of statements as texts, for whom the commit is within quotes. PostgreSQL has been told to read a backslash. */
const hidden = `select '\\''; commit; ${insert}; --'`;
const readBackslashes = `select set_config('standard_' || 'conforming_strings', 'off', true)`;
const sellIn = (tx: Pick<PoolClient, 'query'>, key: string) =>
  tx.query(`update shelf.thing set state = 'sold' where id = $1`, [key]);

describe('nothing of a trial is left', () => {
  const sellAnd =
    (what: (tx: Parameters<Handle>[0]) => Promise<unknown>): Handle =>
    async (tx, { key }) => {
      await sellIn(tx, key);
      await tx.emit('test.sold', {});
      await tx.query(insert);
      await what(tx);
      return done;
    };
  const asking = (...texts: string[]) =>
    sellAnd(async ({ query }) => {
      for (const text of texts) await query(text).catch(() => undefined);
    });

  it.each<[string, Handle, string]>([
    ['of a handler that returns', sellAnd(async () => undefined), 'events'],
    ['of one that throws', sellAnd(() => Promise.reject(new Error('no'))), 'failed'],
    ['of one that hangs', sellAnd(hang), 'failed'],
    ['of one that hangs in a statement', sellAnd(({ query }) => query('select pg_sleep(60)')), 'failed'],
    ['of one that hides an error of a statement', asking('select nothing'), 'failed'],
    ['of one whose payload says commit', asking(`select 'a; commit; b'`), 'events'],
    ['of one that has a savepoint', asking('savepoint a; insert into shelf.nowhere values (1)'), 'failed'],
    ['of one that rolls back to its own', asking('savepoint a; rollback to a'), 'events'],
    ['of one that commits', asking('commit'), 'events'],
    ['of one that ends', asking(' /* now */ END'), 'events'],
    ['of one that rolls back, and writes', asking(`rollback; ${insert}`), 'events'],
    ['of one that commits in two phases', asking(`prepare transaction 'mine'`), 'events'],
    ['of one that commits within a block', asking('do $$ begin commit; end $$'), 'failed'],
    ['of one that commits unrecognised', asking(readBackslashes, hidden), 'failed'],
    ['of one that rolls back unrecognised', asking(readBackslashes, hidden.replace('commit', 'rollback')), 'failed'],
    ['of one that looks at its constraints', asking('set constraints all immediate'), 'failed'],
  ])('%s', async (_, handle, kind) => {
    const compared = await shelf.compared(stable, shelfTopic(handle), await shelf.delivery());
    expect(compared).toMatchObject({ different: true, kinds: expect.arrayContaining([kind]) });
    expect(shelf.errors).toEqual([]);
    const { rows } = await shelf.query(
      'select count(*)::int from pg_prepared_xacts where database = current_database()',
    );
    expect(rows).toEqual([{ count: 0 }]);
  });

  it('of one that goes on after its trial', async () => {
    let late: Promise<unknown> | undefined;
    let goOn = () => {};
    const over = new Promise<void>((resolve) => (goOn = resolve));
    const going: Handle = async ({ query }) => {
      late = over.then(() => query(insert));
      late.catch(() => undefined);
      return done;
    };
    const before = await shelf.everything();
    await shelf.compared(stable, shelfTopic(going), await shelf.delivery());
    goOn();
    await expect(late).rejects.toThrow('its trial is over');
    expect((await shelf.everything())[2]).toEqual(before[2]);
  });

  it('not even a lock of its session', async () => {
    const locking: Handle = async ({ query }) => {
      await query('select pg_advisory_lock(4711)');
      return done;
    };
    await shelf.compared(stable, shelfTopic(locking), await shelf.delivery());
    const { rows } = await shelf.query('select pg_try_advisory_lock(4711) as free');
    expect(rows).toEqual([{ free: true }]);
  });
});

describe('a sealed transaction', () => {
  const trials = () => createPool(database.url, { connections: 1, onError: () => undefined });
  const run = async (work: (tx: PoolClient) => Promise<unknown>) => {
    const own = trials();
    const onError = (error: unknown) => void shelf.errors.push(error);
    try {
      return await inNoCommitTransaction({ trials: own, pool: database.pool, onError }, work);
    } finally {
      await own.end();
    }
  };

  it('does not commit, and after it nothing can be written', async () => {
    const before = await shelf.everything();
    await run(async (tx) => {
      await tx.query(insert);
      await expect(tx.query('commit')).rejects.toThrow('never committed');
      await expect(tx.query(insert)).rejects.toThrow('read-only');
      await tx.query('begin');
      await expect(tx.query(insert)).rejects.toThrow('read-only');
      await tx.query('commit');
    });
    expect(await shelf.everything()).toEqual(before);
  });

  it('would leave what it has written, were it not sealed (the control)', async () => {
    await run(async (tx) => {
      await tx.query('rollback; begin read write');
      await tx.query(insert);
      await tx.query('commit');
    });
    const { rows } = await shelf.query('delete from shelf.elsewhere returning words');
    expect(rows).toEqual([{ words: 'left behind' }]);
  });

  it.each([
    ['commit', true],
    ['COMMIT AND CHAIN', true],
    ['abort', true],
    ['rollback', true],
    ['rollback work', true],
    ['update a set b = 1; end', true],
    ['set default_transaction_read_only = off', true],
    ['rollback to a', false],
    ['rollback transaction to savepoint a', false],
    ['savepoint a', false],
    ['select 1 -- ; commit', false],
    [`insert into a values ('x; commit')`, false],
    [`select E'\\'; commit; --'`, false],
    [`select E'\\''; commit`, true],
    [`/* /* ' */ */ commit; -- '`, true],
    ['/* /* */ commit; */ select 1', false],
    [`select 1 as "a'"; commit; -- '`, true],
    ['select a$b$ from c; commit; select d$b$', true],
    ['select $b$ ; commit; $b$', false],
    [`select 'no end; commit`, false],
    ['select 1; /**/ commit /* now */', true],
    ['do $x$ begin perform 1; end $x$', false],
    ['select endings from commits', false],
  ])('%p is refused to a handler: %p', (text, refused) => {
    expect(endsTransaction(text)).toBe(refused);
  });
});

describe('nobody real waits for a shadow', () => {
  /** Has a shadow hang with a message's row locked, for as long as `work` takes. */
  async function whileItHangs(work: (key: string) => Promise<void>) {
    const delivery = await shelf.delivery();
    const { key } = delivery.message;
    const hanging = shelfTopic(async (tx) => {
      await sellIn(tx, key);
      return hang();
    });
    await shelf.copied(stable, delivery);
    await shelf.pictured(stable);
    await shelf.landed(stable, delivery);
    const trying = shelf.tried(hanging);
    await eventually(async () => {
      await expect(shelf.query('select from shelf.thing where id = $1 for update nowait', [key])).rejects.toThrow();
    });
    await work(key);
    await trying;
    return shelf.comparisonOf(delivery);
  }

  it('a landing on rows that a hanging shadow has locked lands at its first try, and the shadow gives way', async () => {
    const selling = shelfTopic(async (tx, { key }) => {
      await sellIn(tx, key);
      return done;
    });
    const compared = await whileItHangs(async (key) => {
      const next = await shelf.delivery({ cycle: 2, tenant: 'globex' });
      const [landing] = await land(database.pool, selling, [
        { ...next, message: { ...next.message, key, tenant: 'acme' } },
      ]);
      expect(landing).toMatchObject({ decision: { outcome: 'delivered' } });
      const { rows } = await shelf.query('select state from shelf.thing where id = $1', [key]);
      expect(rows).toEqual([{ state: 'sold' }]);
    });
    expect(compared).toMatchObject({ different: false, not_compared: 'gaveWay' });
  });

  it('one that nobody waits for is broken off by itself, and that is a difference (the control)', async () => {
    const compared = await whileItHangs(async () => undefined);
    expect(compared).toMatchObject({ kinds: ['failed'], detail: { failed: { type: 'BrokenOff' } } });
  });

  it('a shadow whose process stands still with its locks is ended by the server, and a landing lands at its second try', async () => {
    const delivery = await shelf.delivery();
    const { key } = delivery.message;
    const selling = shelfTopic(async (tx, message) => {
      await sellIn(tx, message.key);
      return done;
    });
    const standing = runLocal('test/support/stopped-shadow.ts', { args: [key], env: { DATABASE_URL: database.url } });
    try {
      await standing.prints(/it is locked/);
      standing.signal('SIGSTOP');
      // The first one may run into its lock timeout, as with anybody's lock.
      const [first] = await land(database.pool, selling, [delivery]);
      const [second] = await land(database.pool, selling, [delivery]);
      expect([first, second]).toContainEqual(
        expect.objectContaining({ decision: expect.objectContaining({ outcome: 'delivered' }) }),
      );
    } finally {
      standing.signal('SIGKILL');
      await standing.exitCode;
    }
  });

  it('a shadow that would wait for somebody real gives up, before either is taken for a deadlock', async () => {
    const delivery = await shelf.delivery();
    const other = await shelf.delivery();
    const real = await database.pool.connect();
    try {
      await shelf.copied(stable, delivery);
      await shelf.pictured(stable);
      await shelf.landed(stable, delivery);
      await real.query('begin');
      await sellIn(real, other.message.key);
      let waiting: Promise<unknown> | undefined;
      const crossing = shelfTopic(async (tx) => {
        await sellIn(tx, delivery.message.key);
        waiting = sellIn(real, delivery.message.key);
        await sellIn(tx, other.message.key);
        return done;
      });
      await shelf.tried(crossing);
      await waiting;
      await real.query('commit');
    } finally {
      real.release();
    }
    const { not_compared } = await shelf.comparisonOf(delivery);
    expect(['locked', 'gaveWay']).toContain(not_compared);
    const { rows } = await shelf.query('select state from shelf.thing where id = any($1)', [
      [delivery.message.key, other.message.key],
    ]);
    expect(rows).toEqual([{ state: 'sold' }, { state: 'sold' }]);
  });

  it('rows that somebody real has locked are not compared', async () => {
    const delivery = await shelf.delivery();
    await shelf.copied(stable, delivery);
    await shelf.pictured(stable);
    const selling = shelfTopic(async (tx, { key }) => {
      await sellIn(tx, key);
      return done;
    });
    await shelf.landed(stable, delivery);
    const real = await database.pool.connect();
    try {
      await real.query('begin');
      await sellIn(real, delivery.message.key);
      await shelf.tried(selling);
      await real.query('commit');
    } finally {
      real.release();
    }
    expect(await shelf.comparisonOf(delivery)).toMatchObject({ not_compared: 'locked' });
  });
});
