import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installation } from '../../app/installation';
import { paymentRequestExpiry as topic } from '../../app/payment-requests/expiry';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { findRefused } from '../../src/events/refused-commands';
import { pruneRefused } from '../../src/maintenance/prune';
import { commandChecks } from '../../src/operating/doctor/commands';
import { findRefusedMessages } from '../../src/operating/stuck';
import { registerTopics } from '../../src/producing/dispatch/register-topics';
import { useDatabase } from '../support/database';
import { eventsIn, objectionsTo } from '../support/described-events';
import { allDispatched, startTestDispatcher } from '../support/dispatching';
import { runLocal, useFolder } from '../support/local-process';
import { useTemporal } from '../support/temporal';

const temporal = useTemporal();
const database = useDatabase(paymentsSchema);
useFolder();
beforeAll(() => registerTopics(database.pool, [topic]));
beforeEach(() => database.pool.query('truncate postdate.command, postdate.refused_command, postdate.outbox'));

const document = JSON.parse(readFileSync(join(__dirname, '..', '..', 'docs', 'asyncapi.json'), 'utf8'));
/** Posts in SQL, as a producer in any language does. */
const post = async (key: string, payload: object, { commandId = `${key}-command`, hours = 1 } = {}) =>
  database.pool.query(
    `select postdate.schedule($1, 'acme', $2, now() + make_interval(hours => $3), $4, cycle => 1, command_id => $5)`,
    [topic.name, key, hours, payload, commandId],
  );
const dispatch = async (deps = {}) => {
  const dispatcher = startTestDispatcher({ ...database, client: temporal.client, ...deps }, installation.topics);
  await allDispatched(database.pool);
  await dispatcher.stop();
  return dispatcher;
};
const refusedKeys = async () => (await findRefused(database.pool, { topic: topic.name }, 10)).map(({ key }) => key);
async function postdate(...args: string[]) {
  const cli = runLocal('app/cli.ts', { args, env: { DATABASE_URL: database.url, ...temporal.env(), CI: '1' } });
  return { code: await cli.ended, printed: cli.printed() };
}

it('a payload that the schema refuses is an event as documented, counted, and listed; a good one is neither', async () => {
  await post('wrong', { payer: 'Doe' });
  await post('good', {});
  const { results } = await dispatch();
  expect(results).toEqual({ refused: 1, scheduled: 1 });
  const events = await eventsIn(database.pool);
  expect(events).toEqual([
    expect.objectContaining({
      id: `${topic.name}:acme:wrong:1:postdate.refused:wrong-command`,
      type: 'postdate.refused',
      subject: 'acme/wrong',
      data: {
        commandId: 'wrong-command',
        what: 'schedule',
        code: 'invalidPayload',
        field: 'payload',
        message: expect.stringContaining('payer'),
      },
    }),
  ]);
  expect(events.flatMap(objectionsTo(document))).toEqual([]);
  expect(await findRefused(database.pool, { topic: topic.name, tenant: 'acme' }, 10)).toMatchObject([
    { topic: topic.name, tenant: 'acme', key: 'wrong', commandId: 'wrong-command', code: 'invalidPayload' },
  ]);
  expect(await findRefused(database.pool, { topic: topic.name, tenant: 'globex' }, 10)).toEqual([]);
  const [check] = commandChecks(database.pool, installation.topics);
  expect(await check?.run()).toMatchObject({ status: 'warn', says: expect.stringMatching(/^1 refused.* acme\/wrong/) });
});

it('a second refusal of the same message is a second event; a corrected post takes both off the list', async () => {
  await post('mended', { payer: 'Doe' }, { commandId: 'first' });
  await post('mended', { payee: 'Doe' }, { commandId: 'second' });
  await dispatch();
  expect((await eventsIn(database.pool)).map(({ data }) => data.commandId)).toEqual(['first', 'second']);
  expect(await refusedKeys()).toEqual(['mended', 'mended']);
  await post('mended', {}, { commandId: 'third' });
  await dispatch();
  expect(await refusedKeys()).toEqual([]);
  const [check] = commandChecks(database.pool, installation.topics);
  expect(await check?.run()).toMatchObject({ status: 'ok' });
});

it('answer, record and event are there together or not at all', async () => {
  await post('wrong', { payer: 'Doe' });
  const failing = startTestDispatcher(
    {
      ...database,
      client: temporal.client,
      recordRefusal: async () => {
        throw new Error('no room');
      },
    },
    installation.topics,
  );
  try {
    await expect(allDispatched(database.pool, 2_000)).rejects.toThrow('no room');
  } finally {
    await failing.stop();
  }
  expect(await refusedKeys()).toEqual([]);
  await database.pool.query('update postdate.command set next_try_at = now()');
  await dispatch();
  expect(await refusedKeys()).toEqual(['wrong']);
  expect(await eventsIn(database.pool)).toHaveLength(1);
});

it('stuck names it once its message should have been due, and not before', async () => {
  await post('later', { payer: 'Doe' });
  await post('overdue', { payer: 'Doe' }, { hours: -1 });
  await dispatch();
  expect(await findRefusedMessages(database.pool, { topic: topic.name, graceMs: 60_000 })).toEqual([
    expect.objectContaining({ key: 'overdue', why: 'commandRefused' }),
  ]);
});

it('it is forgotten with the commands of its age', async () => {
  await post('old', { payer: 'Doe' });
  await post('new', { payer: 'Doe' });
  await dispatch();
  await database.pool.query(
    `update postdate.refused_command set refused_at = now() - interval '31 days' where key = 'old'`,
  );
  expect(await pruneRefused(database.pool, 30)).toBe(1);
  expect(await refusedKeys()).toEqual(['new']);
});

it('postdate refused, show, stuck and doctor say so', async () => {
  expect(await postdate('refused')).toEqual({ code: 0, printed: '' });
  await post('wrong', { payer: 'Doe' }, { hours: -1 });
  await dispatch();
  expect(await postdate('refused', '--tenant', 'acme')).toEqual({
    code: 1,
    printed: expect.stringMatching(/acme\/wrong {2}schedule wrong-command: invalidPayload, payload: .*payer"?\n$/),
  });
  const ref = ['--topic', topic.name, '--tenant', 'acme', '--key', 'wrong'];
  const shown = await postdate('show', ...ref, '--json');
  expect({ code: shown.code, story: JSON.parse(shown.printed) }).toMatchObject({
    code: 0,
    story: {
      state: 'refused',
      happenings: expect.arrayContaining([
        expect.objectContaining({ source: 'command', what: 'schedule refused', commandId: 'wrong-command' }),
        expect.objectContaining({ source: 'stream', what: 'postdate.refused' }),
      ]),
    },
  });
  const stuck = await postdate('stuck');
  expect(stuck).toMatchObject({ code: 1, printed: expect.stringContaining('acme/wrong  commandRefused') });
  const { printed } = await postdate('doctor', '--json');
  const { findings } = JSON.parse(printed) as { findings: { check: string; status: string }[] };
  expect(findings).toContainEqual(expect.objectContaining({ check: 'commands', status: 'warn' }));
});
