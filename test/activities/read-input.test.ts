import type { Pool } from 'pg';
import { createActivities } from '../../src/activities';
import { createHeartbeater } from '../../src/delivery/hold/heartbeater';
import type { Delivery, LedgerActivities } from '../../src/message/contract';
import { runActivity } from '../support/activity';
import { useDatabase } from '../support/database';
import { effectMessage, effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { landsAtOnce, type TestHold, useHolds } from '../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);
const topic = effectTopic();
let worker: TestHold;
let activities: LedgerActivities;
beforeAll(async () => {
  worker = await startHold([topic]);
  const parts = { heartbeater: createHeartbeater(), runClosed: async () => undefined, commandsFirst: landsAtOnce };
  activities = createActivities({ pool: database.pool as Pool, topic, hold: worker.hold, ...parts });
});

const right = (fields = {}) => ({ message: effectMessage(-1_000, fields), late: false });
const run = (name: keyof LedgerActivities, input: unknown) =>
  runActivity(activities[name] as (given: unknown) => Promise<unknown>, input);

// What any workflow of the namespace can ask of a topic's workers.
const ODD: [string, unknown][] = [
  ['nothing', undefined],
  ['null', null],
  ['a text', 'message'],
  ['a list', [right()]],
  ['no message', {}],
  ['a message of null', { message: null }],
  ['no tenant', right({ tenant: null })],
  ['a key with NUL', right({ key: 'a\0b' })],
  ['another topic', right({ topic: 'test.other' })],
  ['no due time', right({ dueAt: null })],
  ['a due time that is no number', right({ dueAt: 'soon' })],
  ['a due time that is no whole number', right({ dueAt: Date.now() + 0.5 })],
  ['a due time without an end', right({ dueAt: Number.POSITIVE_INFINITY })],
  ['a cycle beyond the ledger', right({ cycle: 2 ** 31 })],
  ['a lead of years', right({ leadMs: 1e12 })],
];

it('of another kind is refused for good, and a message beside it is held, written down and landed', async () => {
  const beside = effectMessage(1_500);
  const landing = run('deliver', { message: beside, late: false });
  const refused = { type: 'PostdateInvalidMessage', nonRetryable: true };
  for (const [, odd] of ODD) {
    await expect(run('deliver', odd)).rejects.toMatchObject(refused);
    const command = { commandId: 'c', dueAt: 1e12 };
    const withCommand = typeof odd === 'object' ? { command, ...odd } : odd;
    for (const name of ['cancel', 'move'] as const) await expect(run(name, withCommand)).rejects.toMatchObject(refused);
  }
  const written = () => database.pool.query('select 1 from postdate.held where key = $1', [beside.key]);
  await eventually(async () => expect((await written()).rowCount).toBe(1));
  expect(await landing).toMatchObject({ outcome: 'delivered' });
  expect(await traces(database.pool, beside.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  expect(worker.errors).toEqual([]);
});

it.each([
  ['cancel', {}],
  ['cancel', { commandId: '' }],
  ['cancel', { commandId: 7 }],
  ['move', { commandId: 'm' }],
  ['move', { commandId: 'm', dueAt: '2030-01-01' }],
] as const)('a %s by %j is refused for good', async (name, command) => {
  const asked = run(name, { ...right(), command });
  await expect(asked).rejects.toMatchObject({ type: 'PostdateInvalidMessage', nonRetryable: true });
});

it('what beside the message is of another kind counts as absent', async () => {
  const { message } = right();
  const odd = { message, late: 'yes', wakeAt: Number.NaN, knowsLanes: 1, cameBackFrom: {} } as unknown as Delivery;
  expect(await run('deliver', odd)).toMatchObject({ outcome: 'delivered' });
  expect(worker.reported.neededLead).toEqual([]);
});

it('a text that jsonb cannot hold keeps no other message from being written down', async () => {
  const [odd, good] = [effectMessage(2_500, { payload: { note: 'a\0b' } }), effectMessage(2_500)];
  const landing = [odd, good].map((message) => run('deliver', { message, late: false }));
  const written = () => database.pool.query('select key from postdate.held where key = any($1)', [[odd.key, good.key]]);
  await eventually(async () => expect((await written()).rows).toEqual([{ key: good.key }]));
  await Promise.all(landing);
  expect(await traces(database.pool, good.key)).toEqual({ effects: 1, decisions: 1, events: 1 });
  expect(worker.errors).toEqual([]);
});
