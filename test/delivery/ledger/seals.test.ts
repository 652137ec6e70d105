import { sealNextDay, verifyDays } from '../../../src/delivery/ledger/seals';
import { useDatabase } from '../../support/database';

const database = useDatabase();
const DAY_MS = 86_400_000;
const today = new Date().setUTCHours(0, 0, 0, 0);

const decide = (key: string, at: number) =>
  database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late)
     values ('t', 'acme', $1, 1, 'delivered', $2, $2, false)`,
    [key, new Date(at)],
  );
async function sealAll(): Promise<number> {
  let sealed = 0;
  while (await sealNextDay(database.pool)) sealed += 1;
  return sealed;
}
const broken = async () => (await verifyDays(database.pool)).broken.map(({ day }) => day);
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

beforeEach(() => database.pool.query('truncate postdate.delivery, postdate.ledger_day'));

it('every day that is over is sealed once, those without a decision too, and today is not', async () => {
  expect(await sealAll()).toBe(0);
  await decide('first', today - 10 * DAY_MS);
  await decide('last', today - 3 * DAY_MS + 1);
  await decide('today', today);
  // Yesterday is sealed an hour after its end.
  expect([9, 10]).toContain(await sealAll());
  expect(await sealAll()).toBe(0);
  const { days, broken: changed } = await verifyDays(database.pool);
  expect([9, 10]).toContain(days);
  expect(changed).toEqual([]);
});

it.each([
  ['removed', `delete from postdate.delivery where key = 'b'`],
  ['changed', `update postdate.delivery set outcome = 'cancelled' where key = 'b'`],
  [
    'added later',
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late)
                   select topic, tenant, 'c', cycle, outcome, due_at, decided_at, late from postdate.delivery where key = 'b'`,
  ],
])('a decision that was %s is found on its day, and on no other', async (_how, statement) => {
  await decide('a', today - 5 * DAY_MS);
  await decide('b', today - 4 * DAY_MS + 3_600_000);
  await decide('d', today - 3 * DAY_MS);
  await sealAll();
  expect(await broken()).toEqual([]);
  await database.pool.query(statement);
  expect(await broken()).toEqual([dayOf(today - 4 * DAY_MS)]);
});

it.each([
  `topic = 'other'`,
  `tenant = 'other'`,
  `key = 'other'`,
  'cycle = 2',
  `outcome = 'skipped'`,
  `due_at = due_at - interval '1 microsecond'`,
  `decided_at = decided_at + interval '1 microsecond'`,
  'late = true',
  'next_cycle = 4',
  `next_due_at = next_due_at + interval '1 microsecond'`,
  'reason = null',
  'command_id = null',
  'post_id = null',
])('a decision of which only this was changed is found: %s', async (change) => {
  await decide('a', today - 4 * DAY_MS);
  await database.pool.query(
    `update postdate.delivery set next_cycle = 3, next_due_at = due_at, reason = 'r', command_id = 'c', post_id = 'p'`,
  );
  await sealAll();
  expect(await broken()).toEqual([]);
  await database.pool.query(`update postdate.delivery set ${change}`);
  expect(await broken()).toEqual([dayOf(today - 4 * DAY_MS)]);
});

it('a seal that was made again over changed rows breaks the day after it', async () => {
  await decide('a', today - 5 * DAY_MS);
  await decide('b', today - 4 * DAY_MS);
  await sealAll();
  await database.pool.query(`update postdate.delivery set late = true where key = 'a'`);
  const [changed] = (await verifyDays(database.pool)).broken;
  await database.pool.query('update postdate.ledger_day set hash = $1 where day = $2', [
    changed?.found.hash,
    dayOf(today - 5 * DAY_MS),
  ]);
  expect(await broken()).toEqual([dayOf(today - 4 * DAY_MS)]);
});

it('a day that is over by one clock only is not sealed, as it may still go on', async () => {
  await decide('a', today - 5 * DAY_MS);
  // Beside a right one the database's would be ahead.
  jest.spyOn(Date, 'now').mockReturnValue(today - 3 * DAY_MS);
  expect(await sealAll()).toBe(1);
  jest.restoreAllMocks();
  await decide('b', today - 4 * DAY_MS);
  await sealAll();
  expect(await broken()).toEqual([]);
});
