import { LANE_CHANGES, LANE_MODES } from '../../src/delivery/lanes/lane';
import { FORWARD_ANSWERS } from '../../src/events/answers/answer';
import { DELIVERY_OUTCOMES } from '../../src/events/webhooks/list';
import { COMMANDS } from '../../src/message/commands';
import { OUTCOMES } from '../../src/message/decision';
import { REFUSAL_CODES } from '../../src/message/refusal';
import { useDatabase } from '../support/database';

const database = useDatabase();

/** The texts that a column may have, by the check that is on it alone. */
async function allowedIn(table: string, column: string): Promise<string[]> {
  const { rows } = await database.pool.query<{ definition: string }>(
    `select pg_get_constraintdef(c.oid) as definition
       from pg_constraint as c
       join pg_attribute as a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
      where c.contype = 'c' and c.conrelid = $1::regclass and a.attname = $2`,
    [`postdate.${table}`, column],
  );
  const list = rows.map(({ definition }) => /= ANY \(ARRAY\[(.*)\]\)/.exec(definition)?.[1]).find(Boolean);
  return [...(list ?? '').matchAll(/'(\w+)'::text/g)].map(([, value]) => value as string).sort();
}

it.each([
  ['delivery', 'outcome', OUTCOMES],
  ['command', 'what', COMMANDS],
  ['answer', 'answer', Object.values(FORWARD_ANSWERS)],
  ['lane', 'mode', LANE_MODES],
  ['lane_change', 'what', LANE_CHANGES],
  ['webhook_delivery', 'outcome', DELIVERY_OUTCOMES],
])('the database takes in %s.%s what the program has a case for, and nothing else', async (table, column, cases) => {
  expect(await allowedIn(table, column)).toEqual([...cases].sort());
});

it('a check that lists no texts is not taken for a list (the control)', async () => {
  expect(await allowedIn('delivery', 'cycle')).toEqual([]);
});

it('the codes that the database refuses with are codes of the program', async () => {
  const { rows } = await database.pool.query<{ source: string }>(
    `select prosrc as source from pg_proc where pronamespace = 'postdate'::regnamespace`,
  );
  const codes = rows.flatMap(({ source }) =>
    [...source.matchAll(/postdate\.refuse\('(\w+)'/g)].map(([, code]) => code),
  );
  expect(codes).toContain('payloadRemoved');
  for (const code of codes) expect(REFUSAL_CODES).toContain(code);
});
