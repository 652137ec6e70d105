import { invoiceReminder } from '../../examples/invoice-reminder';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { useDatabase } from '../support/database';
import { allDispatched } from '../support/dispatching';
import { eventually } from '../support/eventually';
import { commandsOf } from '../support/pages';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase();
const parts = { topics: [invoiceReminder], consumers: [], schemas: [] };

it('the SQL of docs/operations.md posts, moves and cancels in one transaction, and shows what waits and what was refused', async () => {
  const { pool } = database;
  const commands = commandsOf('docs/operations.md');
  expect(commands.map(({ language }) => language)).toEqual(['sql', 'sql']);
  const [post, look] = commands.map(({ text }) => text) as [string, string];
  // Several statements in one query have several results, which the types of pg do not know.
  const looked = async () => ((await pool.query(look)) as unknown as { rows: object[] }[]).map(({ rows }) => rows);

  await registerTopics(pool, [invoiceReminder]);
  await pool.query(post);
  expect(await looked()).toMatchObject([[{ topic: 'invoice.reminder', count: '3', tries: 0, failure: null }], []]);
  await pool.query(`select postdate.schedule('invoice.reminder', 'acme', 'no-customer', now(), '{}')`);
  const { rows } = await pool.query(`select what from postdate.command where key = 'invoice-7' order by seq`);
  expect(rows.map(({ what }) => what)).toEqual(['schedule', 'move', 'cancel']);
  await temporal.withWorker(database, parts, async () => {
    await allDispatched(pool);
    // What was asked for while the worker was busy is decided a moment later.
    await eventually(async () => {
      const text = `select outcome, reason from postdate.delivery where key = 'invoice-7' order by cycle desc limit 1`;
      expect((await pool.query(text)).rows).toEqual([{ outcome: 'cancelled', reason: 'paid' }]);
    });
  });
  expect(await looked()).toMatchObject([[], [{ key: 'no-customer', answer: { code: 'invalidPayload' } }]]);
});
