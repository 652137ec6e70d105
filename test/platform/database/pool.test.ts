import { Pool } from 'pg';
import { createPool, inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';

const database = useDatabase();
const count = async () => (await database.pool.query('select count(*)::int as n from kept')).rows[0].n;

beforeAll(() => database.pool.query('create table kept (n integer)'));

it('a transaction commits what it returns from, and rolls back what it throws from', async () => {
  await inTransaction(database.pool, (tx) => tx.query('insert into kept values (1)'));
  const thrown = inTransaction(database.pool, async (tx) => {
    await tx.query('insert into kept values (2)');
    throw new Error('changed my mind');
  });
  await expect(thrown).rejects.toThrow('changed my mind');
  expect(await count()).toBe(1);
});

it('a transaction that failed where nobody looked is reported as failed', async () => {
  const hidden = inTransaction(database.pool, async (tx) => {
    await tx.query('insert into kept values (3)');
    await tx.query('select 1 / 0').catch(() => undefined);
  });
  await expect(hidden).rejects.toThrow('was rolled back');
  expect(await count()).toBe(1);
});

it('a connection that breaks in a transaction is replaced, and the transaction is not there', async () => {
  const broken = inTransaction(database.pool, async (tx) => {
    await tx.query('insert into kept values (4)');
    await tx.query('select pg_terminate_backend(pg_backend_pid())');
  });
  await expect(broken).rejects.toThrow();
  expect(await count()).toBe(1);
});

it('a session reads instants and sees what was committed, whatever is the default of its database', async () => {
  const { rows } = await database.pool.query('select current_database() as name');
  await database.pool.query(`alter database ${rows[0].name} set datestyle = 'German'`);
  await database.pool.query(`alter database ${rows[0].name} set default_transaction_isolation = 'serializable'`);
  const asking = `select now() as at, current_setting('transaction_isolation') as isolation`;
  const right = [{ at: expect.any(Date), isolation: 'read committed' }];
  const ours = createPool(database.url, { connections: 1, onError: () => undefined });
  const others = new Pool({ connectionString: database.url });
  try {
    expect((await ours.query(asking)).rows).toEqual(right);
    // What foreign code has set is undone, and this is not.
    await inTransaction(ours, (tx) => tx.query(`set datestyle = 'SQL'`), { isLent: true });
    expect((await inTransaction(ours, (tx) => tx.query(asking))).rows).toEqual(right);
    // The control: another client of this database does not read an instant.
    expect((await others.query(asking)).rows).not.toEqual(right);
  } finally {
    await Promise.all([ours.end(), others.end()]);
    await database.pool.query(`alter database ${rows[0].name} reset all`);
  }
});

describe('an aborted transaction', () => {
  it('gives up even while it waits for a lock, and is not there', async () => {
    const holder = await database.pool.connect();
    const aborting = new AbortController();
    try {
      await holder.query('begin');
      await holder.query('lock table kept');
      const waiting = inTransaction(database.pool, (tx) => tx.query('insert into kept values (5)'), {
        signal: aborting.signal,
      });
      const locked = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
      await eventually(async () => expect((await database.pool.query(locked)).rowCount).toBe(1));
      aborting.abort();
      await expect(waiting).rejects.toThrow();
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    expect(await count()).toBe(1);
  });

  it('does not begin when it was aborted before it had a connection', async () => {
    const work = jest.fn();
    await expect(inTransaction(database.pool, work, { signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(work).not.toHaveBeenCalled();
  });
});
