import { acquireExclusiveLease, acquireLease, acquireNextLease } from '../../../src/platform/database/lease';
import { inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';

const database = useDatabase();
const HOUR_MS = 3_600_000;

it('of many workers one acquires the lease, until its interval is nearly over', async () => {
  const acquire = () => acquireLease(database.pool, 'one of many', HOUR_MS);
  const acquired = await Promise.all(Array.from({ length: 20 }, acquire));
  expect(acquired.filter(Boolean)).toHaveLength(1);
  expect(await acquire()).toBe(false);
  await database.pool.query(
    `update postdate.turn set next_at = next_at - interval '55 minutes' where name = 'one of many'`,
  );
  expect(await acquire()).toBe(true);
});

it('a lease that was acquired while the clock was a day ahead does not block the next one', async () => {
  const acquire = () => acquireLease(database.pool, 'ahead', HOUR_MS);
  expect(await acquire()).toBe(true);
  await database.pool.query(`update postdate.turn set next_at = next_at + interval '1 day' where name = 'ahead'`);
  expect(await acquire()).toBe(true);
  expect(await acquire()).toBe(false);
});

it('a worker learns when the lease was acquired before; not if it never was, or by a wrong clock', async () => {
  const acquire = () => acquireNextLease(database.pool, 'next', HOUR_MS);
  const agoBy = (interval: string) =>
    database.pool.query(`update postdate.turn set next_at = next_at - $1::interval where name = 'next'`, [interval]);
  expect(await acquire()).toEqual({ beforeMs: undefined });
  expect(await acquire()).toBeUndefined();
  await agoBy('3 hours');
  const { beforeMs = 0 } = (await acquire()) ?? {};
  expect(Math.floor(beforeMs / HOUR_MS)).toBe(3);
  await agoBy('-1 day');
  expect(await acquire()).toEqual({ beforeMs: undefined });
});

it('a worker that finds more work keeps the lease, with an interval of 0', async () => {
  const acquire = (everyMs: number) => inTransaction(database.pool, (tx) => acquireExclusiveLease(tx, 'more', everyMs));
  expect(await acquire(HOUR_MS)).toBe(true);
  expect(await acquire(HOUR_MS)).toBe(false);
  expect(await acquire(0)).toBe(true);
});
