import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { land } from '../../src/delivery/landing/landing';
import { runAudit } from '../../src/operating/audit/audit';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { forwardTopic } from '../../src/topics/forward-topic';
import { DENIED, useDocumentedRoles } from '../support/documented-roles';

// With the rights of docs/deploy.md each role does what it is for.
const pools = useDocumentedRoles();
const topic = forwardTopic({ name: 'orders.reminder' });
beforeAll(() => registerTopics(pools.postdate_app, [topic]));

const dueAt = new Date(Date.now() + 3_600_000);
const commands: [string, string, unknown[]][] = [
  ['schedule', 'select postdate.schedule($1, $2, $3, $4)', [dueAt]],
  ['move', 'select postdate.move($1, $2, $3, $4)', [dueAt]],
  ['cancel', 'select postdate.cancel($1, $2, $3)', []],
];
const answer = `select postdate.answer($1, $2, $3, 1, '{"do": "done"}') as said`;
const stored = async () =>
  (await pools.owner.query('select what from postdate.command union all select answer from postdate.answer')).rows;
beforeEach(() => pools.owner.query('truncate postdate.command, postdate.answer'));

it.each(commands)('billing can %s', async (what, statement, more) => {
  await pools.billing.query(statement, [topic.name, 'acme', nanoid(), ...more]);
  expect(await stored()).toEqual([{ what }]);
});

it('postdate_app lands, and orders answers', async () => {
  const message = { v: 1 as const, topic: topic.name, tenant: 'acme', key: nanoid(), cycle: 1, payload: null };
  const [landed] = await land(pools.postdate_app, topic, [{ message: { ...message, dueAt: Date.now() }, late: false }]);
  expect(landed).toMatchObject({ decision: { outcome: 'delivered' } });
  const { rows } = await pools.orders.query(answer, [topic.name, 'acme', message.key]);
  expect(rows).toMatchObject([{ said: { result: 'answered' } }]);
  const { rows: events } = await pools.debezium.query('select type from postdate.outbox');
  expect(events).toEqual([{ type: 'orders.reminder.due' }]);
});

it('triggers run for postdate_app, which may not call them', async () => {
  const lane = `insert into postdate.lane (topic, lane, mode, limits) values ('t', 'canary', 'live', '{}')`;
  await pools.postdate_app.query(lane);
  const sealed = pools.postdate_app.query('insert into postdate.shadow_seal values (true)');
  await expect(sealed).rejects.toMatchObject({ code: 'PDSHW' });
});

it('dashboards audits', async () => {
  expect(await runAudit(pools.dashboards, [paymentRequestExpiry])).toMatchObject({ sound: true });
});

it.each([...commands, ['answer', answer, []] as const])(
  'with usage on the schema alone no role can %s',
  async (_what, statement, more) => {
    const refused = pools.onlooker.query(statement, [topic.name, 'acme', nanoid(), ...more]);
    await expect(refused).rejects.toMatchObject({ code: DENIED });
    expect(await stored()).toEqual([]);
  },
);
