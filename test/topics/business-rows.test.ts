import { occurrenceOf } from '../../src/message/occurrence';
import { findOverdueRows, listUndecidedRows, payloadOfRow } from '../../src/topics/business-rows';
import { useDatabase } from '../support/database';
import { effectTopic } from '../support/effects';

const database = useDatabase();
const topic = {
  ...effectTopic(),
  businessRows: `select 'acme' as tenant, 'k' as key, 5 as cycle, true as waits, '{"note": "n"}'::jsonb as payload,
                        clock_timestamp() - interval '1 minute' as due_at`,
};

it('the message of a row is counted by the cycles that came to their due time, as the ledger has them', async () => {
  const outcomes = ['moved', 'delivered', 'failed', 'skipped'];
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late, next_cycle, next_due_at)
     select $1, 'acme', 'k', cycle, outcome, now() - interval '1 hour', false, cycle + 1, now()
       from unnest($2::text[]) with ordinality as given (outcome, cycle)`,
    [topic.name, outcomes],
  );
  const [overdue] = await findOverdueRows(database.pool, topic, { graceMs: 1_000, limit: 9, except: [] });
  const [undecided] = await listUndecidedRows(database.pool, topic, { after: { tenant: '', key: '' }, limit: 9 });
  for (const message of [overdue, undecided]) {
    expect(message).toMatchObject({ key: 'k', cycle: 5 });
    expect(occurrenceOf(message as never)).toBe(3);
  }
  expect(await payloadOfRow(database.pool, topic, { tenant: 'acme', key: 'k' })).toEqual({
    payload: { note: 'n' },
    occurrence: 3,
  });
});
