import { inTransaction } from '../src/database';
import { takeTurn, takeTurnAlone } from '../src/turn';
import { useDatabase } from './support/database';

const database = useDatabase();
const HOUR_MS = 3_600_000;

it('of many workers one has the turn, until its interval is nearly over', async () => {
  const take = () => takeTurn(database.pool, 'one of many', HOUR_MS);
  const turns = await Promise.all(Array.from({ length: 20 }, take));
  expect(turns.filter((taken) => taken)).toHaveLength(1);
  expect(await take()).toBe(false);
  await database.pool.query(
    `update postdate.turn set next_at = next_at - interval '55 minutes' where name = 'one of many'`,
  );
  expect(await take()).toBe(true);
});

it('a turn that was taken while the clock was a day ahead keeps nobody from the next one', async () => {
  const take = () => takeTurn(database.pool, 'ahead', HOUR_MS);
  expect(await take()).toBe(true);
  await database.pool.query(`update postdate.turn set next_at = next_at + interval '1 day' where name = 'ahead'`);
  expect(await take()).toBe(true);
  expect(await take()).toBe(false);
});

it('who finds more to do than a turn is for goes on, with an interval of nothing', async () => {
  const take = (everyMs: number) => inTransaction(database.pool, (tx) => takeTurnAlone(tx, 'more', everyMs));
  expect(await take(HOUR_MS)).toBe(true);
  expect(await take(HOUR_MS)).toBe(false);
  expect(await take(0)).toBe(true);
});
