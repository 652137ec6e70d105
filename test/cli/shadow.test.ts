import { done, skip } from '../../src/topics/topic';
import { inHere } from '../support/cli';
import { useDatabase } from '../support/database';
import { LANE, shelfSchema, shelfTopic, useShelf } from '../support/shadow';

const database = useDatabase(shelfSchema);
const shelf = useShelf(database);

const stable = shelfTopic(async ({ query, emit }, { key }) => {
  await query(`update shelf.thing set state = 'sold' where id = $1`, [key]);
  await emit('test.sold', { to: 'Doe' });
  return done;
});
const parts = { topics: [stable], consumers: [], schemas: [] };
const postdate = (...args: string[]) => {
  process.env.DATABASE_URL = database.url;
  return inHere(args, parts);
};
const diff = (...args: string[]) => postdate('shadow', 'diff', '--topic', stable.name, '--lane', LANE, ...args);
const { DATABASE_URL } = process.env;
afterAll(() => {
  if (DATABASE_URL === undefined) delete process.env.DATABASE_URL;
  else process.env.DATABASE_URL = DATABASE_URL;
});
afterEach(() => shelf.query('truncate postdate.shadow_comparison'));

it('without differences it says so, and ends with 0', async () => {
  expect(await diff()).toMatchObject({ code: 0, printed: '0 compared, 0 different\n', errors: '' });
  await shelf.compared(stable, stable, await shelf.delivery());
  expect(await diff()).toMatchObject({ code: 0, printed: '1 compared, 0 different\n' });
});

it('differences are counted by kind and shown field by field, with exit code 1', async () => {
  const shadow = shelfTopic(async ({ query, emit }, { key }) => {
    await query(`update shelf.thing set state = 'given\u001b[31m away' where id = $1`, [key]);
    await emit('test.sold', { to: 'John' });
    await emit('test.given', {});
    return skip('given away');
  });
  const delivery = await shelf.delivery();
  await shelf.compared(stable, shadow, delivery);
  const throwing = shelfTopic(async () => Promise.reject(new TypeError('the secret 4711')));
  await shelf.compared(stable, throwing, await shelf.delivery());
  await shelf.compared(stable, stable, await shelf.delivery());
  const { key } = delivery.message;
  const { code, printed } = await diff();
  expect(code).toBe(1);
  expect(printed).toMatch(/^3 compared, 2 different: answer 1, events 1, failed 1, rows 1\n/);
  for (const line of [
    `acme/${key} cycle 1 answer, events, rows`,
    '  answer outcome: stable delivered, shadow skipped',
    '  answer reason: stable –, shadow given away',
    '  event test.given: shadow only',
    '  event test.sold to: stable Doe, shadow John',
    `  shelf.thing acme/${key} state: stable sold, shadow given [31m away`,
    '  threw TypeError',
  ]) {
    expect(printed).toContain(`${line}`);
  }
  expect(printed).not.toContain('4711');
  const { printed: json } = await postdate(
    'shadow',
    '--json',
    'diff',
    '--topic',
    stable.name,
    '--lane',
    LANE,
    '--limit',
    '1',
  );
  expect(JSON.parse(json)).toMatchObject({ compared: 3, different: 2, examples: [{ kinds: ['failed'] }] });
  const later = new Date(Date.now() + 60_000).toISOString();
  expect(await diff('--since', later)).toMatchObject({ code: 0, printed: '0 compared, 0 different\n' });
});

it('what is not compared is told with its reason, and what has no rows, too; neither is a difference', async () => {
  const rowless = shelfTopic(async () => done, { observed: undefined });
  await shelf.compared(rowless, rowless, await shelf.delivery());
  const late = await shelf.delivery();
  await shelf.copied(stable, late);
  await shelf.landed(stable, late);
  await shelf.pictured(stable);
  await shelf.tried(stable);
  const { code, printed } = await diff();
  expect(code).toBe(0);
  expect(printed.split('\n')).toEqual([
    '1 compared, 0 different',
    'rows were not compared in 1: their topic declares none as observed',
    '1 not compared: they were due before their rows could be read',
    '',
  ]);
});

it.each([
  [['shadow', 'diff', '--topic', 'no.such', '--lane', 'v2'], 'unknownTopic'],
  [['shadow', 'diff', '--topic', 'test.shelf', '--lane', 'V 2'], 'invalidLane'],
  [['shadow', 'diff', '--topic', 'test.shelf'], '--lane'],
  [['shadow', 'diff', '--topic', 'test.shelf', '--lane', 'v2', '--since', 'yesterday'], '--since'],
])('%j is refused in one line that says why', async (args, why) => {
  const { code, errors } = await postdate(...args);
  expect(code).toBe(2);
  expect(errors).toContain(why);
  expect(errors.trim().split('\n')).toHaveLength(1);
});
