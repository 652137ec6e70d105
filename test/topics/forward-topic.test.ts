import { nanoid } from 'nanoid';
import { z } from 'zod';
import { land } from '../../src/delivery/landing/landing';
import { countUnanswered, findUnanswered, startUnansweredWatch } from '../../src/events/answers/unanswered';
import { MessageError } from '../../src/message/admission';
import type { ScheduledMessage } from '../../src/message/contract';
import { rfc3339 } from '../../src/message/due-time';
import { type ForwardDeclaration, forwardTopic } from '../../src/topics/forward-topic';
import { refusePayload, type Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { eventually } from '../support/eventually';

const database = useDatabase();
const name = 'orders.reminder';
const payload = z.object({ note: z.string() });
const topic = forwardTopic({ name, payload });
const message = (fields: Partial<ScheduledMessage> = {}): ScheduledMessage => ({
  v: 1,
  topic: name,
  tenant: 'acme',
  key: nanoid(),
  cycle: 1,
  dueAt: Date.now() - 1_000,
  payload: { note: 'n' },
  ...fields,
});
const landing = (messages: ScheduledMessage[], of: Topic = topic, options = {}) =>
  land(
    database.pool,
    of,
    messages.map((one) => ({ message: one, late: false })),
    options,
  );
const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;
const events = async () => (await query('select payload from postdate.outbox order by seq')).map((row) => row.payload);
const outcomes = async () =>
  (await query('select key, outcome, reason from postdate.delivery order by cycle')) as object[];
beforeEach(() => database.pool.query('truncate postdate.delivery, postdate.outbox, postdate.answer'));

describe.each([
  ['as one set', { oneByOne: false }],
  ['one by one', { oneByOne: true }],
])('%s', (_how, options) => {
  it('what is due is put on the stream as it is, once however often it lands, and nothing before it is due', async () => {
    const [due, withLimit] = [message(), message({ staleAfterMs: 60_000 })];
    const early = message({ dueAt: Date.now() + 3_600_000 });
    const all = [due, withLimit, early];
    const delivered = { decision: { cycle: 1, outcome: 'delivered' } };
    expect(await landing(all, topic, options)).toMatchObject([
      delivered,
      delivered,
      { notDueForMs: expect.any(Number) },
    ]);
    expect(await landing(all, topic, options)).toMatchObject([{ before: true }, { before: true }, {}]);
    const dataOf = ({ key, dueAt, staleAfterMs }: ScheduledMessage) => ({
      ...{ topic: name, tenant: 'acme', key, cycle: 1, dueAt: rfc3339(dueAt), payload: { note: 'n' } },
      ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
    });
    const told = await events();
    expect(told).toMatchObject([
      { type: 'orders.reminder.due', subject: `acme/${due.key}`, cycle: 1, specversion: '1.0' },
      { type: 'orders.reminder.due', subject: `acme/${withLimit.key}` },
    ]);
    // Exactly, so that nothing of it is lost or added.
    expect(told.map(({ data }) => data)).toEqual([dataOf(due), dataOf(withLimit)]);
    // Nobody said that it must be answered.
    expect(await query('select 1 from postdate.answer')).toEqual([]);
  });
});

it('a payload that the stream cannot take ends as failed, told, and holds up nobody', async () => {
  const [good, poison] = [message(), message({ payload: { note: 'a\0b' } })];
  await expect(landing([good, poison])).rejects.toThrow('no NUL');
  for (const one of [good, poison]) await landing([one], topic, { oneByOne: true });
  expect(await outcomes()).toMatchObject([
    { key: good.key, outcome: 'delivered' },
    { key: poison.key, outcome: 'failed', reason: expect.stringContaining('no NUL') },
  ]);
  expect((await events()).map(({ type }) => type)).toEqual(['orders.reminder.due', 'postdate.failed']);
});

it('what is too late is not put on the stream, and an old form of a payload is brought to the present one', async () => {
  const second = forwardTopic({
    name,
    payload: z.object({ text: z.string() }),
    payloadVersion: 2,
    upcasts: [(old) => ({ text: (old as { note: string }).note })],
  });
  await landing([message({ staleAfterMs: 1 })], second);
  await landing([message()], second);
  const told = await events();
  expect(told.map(({ type }) => type)).toEqual(['postdate.skipped', 'orders.reminder.due']);
  expect(told[1].data).toMatchObject({ payload: { text: 'n' }, payloadVersion: 2 });
});

it('a series goes on by itself, and each of its cycles is put on the stream', async () => {
  const dueAt = Date.now() - 86_400_000;
  const series = message({ dueAt, repeat: { every: 'P1D', startAt: dueAt, at: dueAt, done: 0, missed: 'all' } });
  const [landed] = await landing([series]);
  expect(landed).toMatchObject({ decision: { outcome: 'delivered', next: { cycle: 2, dueAt: dueAt + 86_400_000 } } });
  expect(await events()).toHaveLength(1);
});

it('with a time to answer in, what is unanswered after it is listed and counted, and before it is not', async () => {
  const hurried = forwardTopic({ name, answerWithinMs: 60_000 });
  const [first, second] = [message(), message({ tenant: 'globex' })];
  await landing([first], hurried);
  await landing([second], hurried, { oneByOne: true });
  const found = async (selection: { topic: string; tenant?: string }) =>
    (await findUnanswered(database.pool, selection, 10)).map(({ key }) => key);
  expect(await found({ topic: name })).toEqual([]);
  await database.pool.query(`update postdate.answer set expected_by = expected_by - interval '2 minutes'`);
  expect(await found({ topic: name })).toEqual([first.key, second.key]);
  expect(await found({ topic: name, tenant: 'globex' })).toEqual([second.key]);
  expect(await found({ topic: 'other' })).toEqual([]);
  expect(await countUnanswered(database.pool, [name, 'other'])).toEqual([
    { topic: name, messages: 2 },
    { topic: 'other', messages: 0 },
  ]);
});

it('the metric says how many are unanswered, of each topic that sets a time to answer in, and of no other', async () => {
  const hurried = forwardTopic({ name, answerWithinMs: 1 });
  await landing([message(), message()], hurried);
  await eventually(async () => expect(await countUnanswered(database.pool, [name])).toMatchObject([{ messages: 2 }]));
  const reported: [string, number][] = [];
  const onError = (error: unknown) => void reported.push([String(error), 0]);
  const metrics = { unanswered: (...said: [string, number]) => void reported.push(said) };
  const watch = startUnansweredWatch({ pool: database.pool, metrics, onError }, [
    hurried,
    forwardTopic({ name: 'other' }),
  ]);
  await eventually(async () => expect(reported).toEqual([[name, 2]]));
  await watch.stop();
});

it('a payload whose schema makes something else of it is no payload of a forward topic: it could not be posted again', () => {
  // @ts-expect-error a text comes in, a number goes out
  expect(forwardTopic({ name, payload: z.string().transform(Number) })).toBeDefined();
  expect(
    forwardTopic({ name, payload: z.strictObject({ order: z.int(), note: z.string().optional() }) }),
  ).toBeDefined();
});

it('without a schema it lets in any JSON, and of text only what can be stored', () => {
  const any = forwardTopic({ name });
  for (const good of [{}, [], null, undefined, 7, 'a\\u0000', { deep: [{ er: '😀' }] }]) {
    expect(refusePayload(any, good)).toBeUndefined();
  }
  for (const bad of ['a\0', { '\ud800': 1 }, [['\udc00']], 7n]) {
    expect(refusePayload(any, bad)).toMatchObject({ code: 'invalidPayload' });
  }
});

it.each<[Partial<ForwardDeclaration<unknown>>, string, string]>([
  [{ name: 'a b' }, 'invalidTopic', 'topic'],
  [{ leadMs: -1 }, 'invalidLead', 'leadMs'],
  [{ answerWithinMs: 0 }, 'invalidAnswerWithin', 'answerWithinMs'],
  [{ answerWithinMs: Number.NaN }, 'invalidAnswerWithin', 'answerWithinMs'],
  [{ answerWithinMs: 1e15 }, 'invalidAnswerWithin', 'answerWithinMs'],
])('declared with %j it is refused', (fields, code, field) => {
  const declared = () => forwardTopic({ name, ...fields });
  expect(declared).toThrow(MessageError);
  expect(declared).toThrow(expect.objectContaining({ code, field }));
});
