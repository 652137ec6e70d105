import { nanoid } from 'nanoid';
import { land } from '../../../src/delivery/landing/landing';
import { type ForwardAnswer, recordAnswer } from '../../../src/events/answers/answer';
import { findUnanswered } from '../../../src/events/answers/unanswered';
import { relayBatch } from '../../../src/events/relay';
import { pruneLedger, pruneOutbox } from '../../../src/maintenance/prune';
import { rfc3339 } from '../../../src/message/due-time';
import { runAudit } from '../../../src/operating/audit/audit';
import { findFailed } from '../../../src/operating/redrive/failed';
import { inTransaction } from '../../../src/platform/database/pool';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { forwardTopic } from '../../../src/topics/forward-topic';
import { useDatabase } from '../../support/database';
import { effectsSchema, effectTopic } from '../../support/effects';

const database = useDatabase(effectsSchema);
const name = 'orders.reminder';
const topic = forwardTopic({ name, answerWithinMs: 60_000 });
const withHandler = effectTopic();
const DAY_MS = 86_400_000;
const tomorrow = () => rfc3339(Date.now() + DAY_MS);
beforeAll(() => registerTopics(database.pool, [topic, withHandler]));
beforeEach(() =>
  database.pool.query(
    'truncate postdate.delivery, postdate.outbox, postdate.answer, postdate.command, postdate.redrive, postdate.retention',
  ),
);

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;
type Ref = { topic: string; tenant: string; key: string; cycle: number };

async function forwarded(fields: object = {}): Promise<Ref> {
  const ref = { topic: name, tenant: 'acme', key: nanoid(), cycle: 1, ...fields };
  const message = { v: 1 as const, dueAt: Date.now() - 1_000, payload: { order: 7 }, ...ref };
  const [landed] = await land(database.pool, topic, [{ message, late: false }]);
  expect(landed).toMatchObject({ decision: { outcome: 'delivered' } });
  return ref;
}
const answering = (ref: Ref, answer: ForwardAnswer) => recordAnswer(database.pool, ref, answer);
const bySql = async ({ topic: of, tenant, key, cycle }: Ref, answer: object) =>
  (await query('select postdate.answer($1, $2, $3, $4, $5) as said', [of, tenant, key, cycle, answer]))[0].said;
const commands = () => query('select topic, tenant, key, what, body from postdate.command order by seq');
const eventTypes = async () => (await query('select type from postdate.outbox order by seq')).map(({ type }) => type);
const auditOf = async (of = topic) => {
  while (await relayBatch(database.pool));
  return runAudit(database.pool, [of]);
};
const kept = () => query('select * from postdate.answer');

describe.each([
  ['recordAnswer', answering],
  ['postdate.answer', bySql],
])('by %s', (_how, give) => {
  it('done is recorded, and nothing else comes of it', async () => {
    const ref = await forwarded();
    expect(await give(ref, { do: 'done' })).toEqual({
      result: 'answered',
      do: 'done',
      answeredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(await kept()).toMatchObject([{ ...ref, answer: 'done', message: null }]);
    expect(await commands()).toEqual([]);
    expect(await eventTypes()).toEqual(['orders.reminder.due']);
    expect(await auditOf()).toMatchObject({ sound: true });
  });

  it('again posts the next cycle with the same payload, and the audit counts it as waiting', async () => {
    const [ref, dueAt] = [await forwarded({ staleAfterMs: 90_000 }), tomorrow()];
    const said = await give(ref, { do: 'again', dueAt });
    expect(said).toMatchObject({ result: 'answered', do: 'again', next: { cycle: 2, dueAt } });
    const [due] = await query('select due_at from postdate.delivery');
    const body = {
      cycle: 2,
      dueAt: Date.parse(dueAt),
      payload: { order: 7 },
      payloadVersion: 1,
      staleAfterMs: 90_000,
      onConflict: 'keep',
      followsDueAt: due.due_at.getTime(),
    };
    expect(await commands()).toEqual([{ topic: name, tenant: 'acme', key: ref.key, what: 'schedule', body }]);
    const { sound, topics } = await auditOf();
    expect({ sound, tenants: topics[0]?.tenants }).toMatchObject({
      sound: true,
      tenants: [{ posted: 2, delivered: 1, waiting: 1, gap: 0 }],
    });
  });

  it('hands its occurrence on: "again" to the next cycle, "failed" to a redrive', async () => {
    const moved = { cycle: 3, uncountedCycles: 2 };
    expect(await give(await forwarded(moved), { do: 'again', dueAt: tomorrow() })).toMatchObject({
      next: { cycle: 4 },
    });
    expect(await commands()).toMatchObject([{ body: { cycle: 4, uncountedCycles: 2 } }]);
    await give(await forwarded(moved), { do: 'failed', reason: 'r' });
    expect(await query(`select message from postdate.answer where answer = 'failed'`)).toMatchObject([
      { message: { uncountedCycles: 2 } },
    ]);
    const occurrences = await query(
      `select type, payload->'occurrence' as occurrence from postdate.outbox order by seq`,
    );
    expect(occurrences).toEqual([
      { type: 'orders.reminder.due', occurrence: 1 },
      { type: 'orders.reminder.due', occurrence: 1 },
      { type: 'postdate.failed', occurrence: 1 },
    ]);
  });

  it('failed is told to everyone as a failure of a handler is, and found among what has failed', async () => {
    const ref = await forwarded();
    expect(await give(ref, { do: 'failed', reason: 'no such address' })).toMatchObject({
      result: 'answered',
      do: 'failed',
      reason: 'no such address',
    });
    expect(await findFailed(database.pool, { topic: name, key: ref.key, reason: 'such address' }, 10)).toMatchObject([
      { ...ref, reason: 'no such address', dueAt: expect.any(String), failedAt: expect.any(String) },
    ]);
    const [, told] = await query('select * from postdate.outbox order by seq');
    const poison = { v: 1 as const, ...ref, key: nanoid(), dueAt: Date.now() - 1_000, payload: 'a\0b' };
    await land(database.pool, topic, [{ message: poison, late: false }], { oneByOne: true });
    const [, , ofLanding] = await query('select * from postdate.outbox order by seq');
    // But for the names and instants they are the same, in every column and attribute.
    const shapeOf = (row: { payload: { data: object } }, key: string) => {
      const { payload } = row;
      const text = JSON.stringify({ ...row, seq: '', payload: { ...payload, data: { ...payload.data, reason: '' } } });
      return JSON.parse(text.replaceAll(key, 'k').replaceAll(/"\d{4}-[^"]*Z"/g, '"at"'));
    };
    expect(shapeOf(told, ref.key)).toEqual(shapeOf(ofLanding, poison.key));
    expect(await auditOf()).toMatchObject({ sound: true });
  });

  it('the first answer stands: every later one is told it, and does nothing', async () => {
    const [ref, dueAt] = [await forwarded(), tomorrow()];
    const first = await give(ref, { do: 'again', dueAt });
    for (const answer of [{ do: 'again', dueAt }, { do: 'done' }, { do: 'failed', reason: 'r' }] as ForwardAnswer[]) {
      expect(await give(ref, answer)).toEqual({ ...first, result: 'answeredBefore' });
    }
    expect(await commands()).toHaveLength(1);
    expect(await eventTypes()).toEqual(['orders.reminder.due']);
    // Also when the next cycle is there already.
    await forwarded({ ...ref, cycle: 2 });
    expect(await give(ref, { do: 'again', dueAt })).toEqual({ ...first, result: 'answeredBefore' });
  });

  it('is there if and only if the transaction commits, with what comes of it', async () => {
    const refs = [await forwarded(), await forwarded()];
    const undone = inTransaction(database.pool, async (tx) => {
      const [one, other] = refs as [Ref, Ref];
      await recordAnswer(tx, one, { do: 'again', dueAt: tomorrow() });
      const call = 'select postdate.answer($1, $2, $3, $4, $5)';
      await tx.query(call, [other.topic, other.tenant, other.key, 1, { do: 'failed', reason: 'r' }]);
      throw new Error('no money');
    });
    await expect(undone).rejects.toThrow('no money');
    expect(await kept()).toMatchObject([{ answer: null }, { answer: null }]);
    expect(await commands()).toEqual([]);
    expect(await eventTypes()).toEqual(['orders.reminder.due', 'orders.reminder.due']);
    expect(await give(refs[0] as Ref, { do: 'done' })).toMatchObject({ result: 'answered' });
  });
});

it.each([
  ['with a time to answer in', topic],
  ['without one', forwardTopic({ name })],
])('of two answers at one time exactly one wins, and both are told it: %s', async (_how, of) => {
  for (let round = 0; round < 20; round += 1) {
    const ref = { topic: name, tenant: 'acme', key: nanoid(), cycle: 1 };
    await land(database.pool, of, [{ message: { v: 1, ...ref, dueAt: Date.now() - 1, payload: 1 }, late: false }]);
    const answers: ForwardAnswer[] = [
      { do: 'again', dueAt: tomorrow() },
      { do: 'failed', reason: 'r' },
      { do: 'done' },
    ];
    const said = await Promise.all(answers.map((answer) => answering(ref, answer)));
    expect(said.filter(({ result }) => result === 'answered')).toHaveLength(1);
    expect(new Set(said.map((one) => JSON.stringify({ ...one, result: '' }))).size).toBe(1);
  }
  // Each has come of it what was answered, and nothing else.
  const counts = await query(`
    select count(*)::int as answers, count(*) filter (where answer = 'again')::int as again,
           count(*) filter (where answer = 'failed')::int as failed from postdate.answer`);
  const { again, failed } = counts[0];
  expect(counts).toMatchObject([{ answers: 20 }]);
  expect(await commands()).toHaveLength(again);
  expect((await eventTypes()).filter((type) => type === 'postdate.failed')).toHaveLength(failed);
});

it('again is too late once a later cycle is there, by whichever way; done and failed still are the answer to theirs', async () => {
  const again = { do: 'again' as const, dueAt: tomorrow() };
  const posted = await forwarded();
  await forwarded({ ...posted, cycle: 3 });
  expect(await answering(posted, again)).toEqual({ result: 'tooLate', cycle: 3 });
  const redriven = await forwarded();
  await query(
    `insert into postdate.redrive (topic, tenant, key, failed_cycle, cycle, redriven_by, reason)
     values ($1, 'acme', $2, 1, 2, 'Anna', 'r')`,
    [name, redriven.key],
  );
  expect(await answering(redriven, again)).toEqual({ result: 'tooLate', cycle: 2 });
  const [dueAt, every] = [Date.now() - DAY_MS, 'P2D'];
  const series = await forwarded({ dueAt, repeat: { every, startAt: dueAt, at: dueAt, done: 0 } });
  expect(await answering(series, again)).toEqual({ result: 'tooLate', cycle: 2 });
  expect(await commands()).toEqual([]);
  // Nothing was recorded by what was too late.
  expect(await answering(posted, { do: 'done' })).toMatchObject({ result: 'answered', do: 'done' });
  expect(await answering(series, { do: 'failed', reason: 'r' })).toMatchObject({ result: 'answered', do: 'failed' });
  // The series goes on by itself: there is nothing to redrive.
  expect(await findFailed(database.pool, { topic: name }, 10)).toEqual([]);
});

it('what is answered is no longer unanswered', async () => {
  const [one, other] = [await forwarded(), await forwarded()];
  await query(`update postdate.answer set expected_by = now() - interval '1 h'`);
  const unanswered = async () => (await findUnanswered(database.pool, { topic: name }, 10)).map(({ key }) => key);
  expect((await unanswered()).sort()).toEqual([one.key, other.key].sort());
  await answering(one, { do: 'done' });
  expect(await unanswered()).toEqual([other.key]);
});

it('an event that waits for its answer is not removed for its age, and again needs it', async () => {
  const unhurried = forwardTopic({ name });
  const [awaited, answered] = [await forwarded(), await forwarded()];
  const free = { ...awaited, key: nanoid() };
  await land(database.pool, unhurried, [
    { message: { v: 1, ...free, dueAt: Date.now() - 1, payload: 1 }, late: false },
  ]);
  await answering(answered, { do: 'done' });
  while (await relayBatch(database.pool));
  await query(`update postdate.outbox set relayed_at = now() - interval '40 days', appended_at = '-infinity'`);
  expect(await pruneOutbox(database.pool, 30)).toBe(2);
  const again = { do: 'again' as const, dueAt: tomorrow() };
  await expect(answering(free, again)).rejects.toMatchObject({ code: 'payloadRemoved', field: 'do' });
  expect(await answering(free, { do: 'failed', reason: 'r' })).toMatchObject({ result: 'answered' });
  expect(await answering(awaited, again)).toMatchObject({ result: 'answered', next: { cycle: 2 } });
});

it('decisions stay while an answer is awaited or has posted a next cycle, and answers go with them', async () => {
  const refs = { awaited: await forwarded(), again: await forwarded(), done: await forwarded() };
  await answering(refs.again, { do: 'again', dueAt: rfc3339(Date.now() + 365 * DAY_MS) });
  await answering(refs.done, { do: 'done' });
  await query(
    `update postdate.delivery set decided_at = decided_at - interval '100 days', due_at = due_at - interval '100 days'`,
  );
  expect(await pruneLedger(database.pool, topic, 60)).toBe(1);
  const left = [refs.awaited.key, refs.again.key].sort();
  expect((await query('select key from postdate.delivery')).map(({ key }) => key).sort()).toEqual(left);
  expect((await kept()).map(({ key }) => key).sort()).toEqual(left);
});

describe('bad input is refused by the same code in SQL and in TypeScript, and nothing is stored', () => {
  const years = (count: number) => rfc3339(Date.now() + count * 365.25 * DAY_MS);
  let ref: Ref;
  beforeEach(async () => {
    ref = await forwarded();
  });
  afterEach(async () => {
    expect(await kept()).toMatchObject([{ answer: null }]);
    expect(await commands()).toEqual([]);
  });

  it.each<[string, Partial<Ref>, unknown, string, string]>([
    ['a tenant with a colon', { tenant: 'a:b' }, { do: 'done' }, 'invalidTenant', 'tenant'],
    ['a key with a space', { key: 'a b' }, { do: 'done' }, 'invalidKey', 'key'],
    ['an id of 256 bytes', { key: 'k'.repeat(240) }, { do: 'done' }, 'idTooLong', 'key'],
    ['a topic that nobody serves', { topic: 'nobody.knows' }, { do: 'done' }, 'unknownTopic', 'topic'],
    ['a topic with a handler', { topic: 'test.effect' }, { do: 'done' }, 'notAForwardTopic', 'topic'],
    ['a message that was never posted', { key: 'nobody' }, { do: 'done' }, 'notForwarded', 'cycle'],
    ["another tenant's message", { tenant: 'globex' }, { do: 'done' }, 'notForwarded', 'cycle'],
    ['a cycle that is still to come', { cycle: 2 }, { do: 'again', dueAt: tomorrow() }, 'notForwarded', 'cycle'],
    ['a cycle of zero', { cycle: 0 }, { do: 'done' }, 'invalidCycle', 'cycle'],
    ['a cycle beyond integers', { cycle: 2 ** 31 }, { do: 'done' }, 'invalidCycle', 'cycle'],
    ['no cycle', { cycle: null as never }, { do: 'done' }, 'invalidCycle', 'cycle'],
    ['nothing', {}, null, 'invalidAnswer', 'do'],
    ['an array', {}, [], 'invalidAnswer', 'do'],
    ['a text', {}, 'done', 'invalidAnswer', 'do'],
    ['an empty answer', {}, {}, 'invalidAnswer', 'do'],
    ['another word', {}, { do: 'skip' }, 'invalidAnswer', 'do'],
    ['two words', {}, { do: ['done'] }, 'invalidAnswer', 'do'],
    ['a field that is none', {}, { do: 'done', took: 7 }, 'invalidAnswer', 'took'],
    ['done with a due time', {}, { do: 'done', dueAt: tomorrow() }, 'invalidDueAt', 'dueAt'],
    ['done with a reason', {}, { do: 'done', reason: 'r' }, 'invalidReason', 'reason'],
    ['again without a due time', {}, { do: 'again' }, 'invalidDueAt', 'dueAt'],
    ['again in epoch ms', {}, { do: 'again', dueAt: Date.now() }, 'invalidDueAt', 'dueAt'],
    ['again in words', {}, { do: 'again', dueAt: 'tomorrow' }, 'invalidDueAt', 'dueAt'],
    ['again without an offset', {}, { do: 'again', dueAt: '2027-01-01T00:00:00' }, 'invalidDueAt', 'dueAt'],
    ['again on 30 February', {}, { do: 'again', dueAt: '2027-02-30T00:00:00Z' }, 'invalidDueAt', 'dueAt'],
    ['again at 24:00', {}, { do: 'again', dueAt: '2027-01-01T24:00:00Z' }, 'invalidDueAt', 'dueAt'],
    ['again in a leap second', {}, { do: 'again', dueAt: '2026-12-31T23:59:60Z' }, 'invalidDueAt', 'dueAt'],
    ['again in the year 0', {}, { do: 'again', dueAt: '0000-06-01T00:00:00Z' }, 'invalidDueAt', 'dueAt'],
    ['again in 21 years', {}, { do: 'again', dueAt: years(21) }, 'dueAtTooFar', 'dueAt'],
    ['again with a reason', {}, { do: 'again', dueAt: tomorrow(), reason: 'r' }, 'invalidReason', 'reason'],
    ['failed without a reason', {}, { do: 'failed' }, 'invalidReason', 'reason'],
    ['failed for nothing', {}, { do: 'failed', reason: '' }, 'invalidReason', 'reason'],
    ['failed for a number', {}, { do: 'failed', reason: 7 }, 'invalidReason', 'reason'],
    ['failed for very long', {}, { do: 'failed', reason: 'r'.repeat(2_001) }, 'invalidReason', 'reason'],
    ['failed with a due time', {}, { do: 'failed', reason: 'r', dueAt: tomorrow() }, 'invalidDueAt', 'dueAt'],
  ])('%s', async (_what, fields, answer, code, field) => {
    const named = { ...ref, ...fields };
    await expect(answering(named, answer as ForwardAnswer)).rejects.toMatchObject({
      name: 'MessageError',
      code,
      field,
    });
    const text = 'select postdate.answer($1, $2, $3, $4, $5)';
    const values = [named.topic, named.tenant, named.key, named.cycle, JSON.stringify(answer)];
    const error = await query(text, values).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PD001', hint: expect.stringMatching(/\.$/) });
    expect(JSON.parse(error.detail)).toEqual({ code, field });
  });

  it('failed with a NUL or half a surrogate pair, which PostgreSQL refuses by codes of its own', async () => {
    for (const reason of ['a\0b', '\ud83d']) {
      const refused = answering(ref, { do: 'failed', reason });
      await expect(refused).rejects.toMatchObject({ code: 'invalidReason', field: 'reason' });
    }
    const call = (reason: string) => query(`select postdate.answer('a', 'b', 'c', 1, '{"reason": "${reason}"}')`);
    await expect(call('\\u0000')).rejects.toMatchObject({ code: '22P05' });
    await expect(call('\\ud83d')).rejects.toMatchObject({ code: '22P02' });
  });
});

it('what is just within every limit is let in, by either way (the control)', async () => {
  for (const give of [answering, bySql]) {
    const again = async (dueAt: string) => (await give(await forwarded(), { do: 'again', dueAt })).next?.dueAt;
    expect(await again('2027-01-01T05:30:00.123+05:30')).toBe('2027-01-01T00:00:00.123Z');
    expect(await again('2000-01-01T00:00:00Z')).toBe('2000-01-01T00:00:00.000Z');
    const far = rfc3339(Date.now() + 20 * 365.25 * DAY_MS - 60_000);
    expect(await again(far)).toBe(far);
    const reason = 'é'.repeat(2_000);
    expect(await give(await forwarded(), { do: 'failed', reason })).toMatchObject({ reason });
  }
  // More digits than milliseconds have, in SQL: up, as a message that is early by less is early.
  expect(await bySql(await forwarded(), { do: 'again', dueAt: '2027-01-01T00:00:00.0000011Z' })).toMatchObject({
    next: { dueAt: '2027-01-01T00:00:00.001Z' },
  });
  // An offset that RFC 3339 has and PostgreSQL lacks.
  expect(await answering(await forwarded(), { do: 'again', dueAt: '2027-01-01T00:00:00+23:59' })).toMatchObject({
    next: { dueAt: '2026-12-31T00:01:00.000Z' },
  });
});

it('a consumer needs the right to use the schema and to call the function, and none on its tables', async () => {
  const [ref, role] = [await forwarded(), `consumer_${nanoid(8).toLowerCase().replaceAll('-', '_')}`];
  await database.pool.query(`create role ${role}; grant usage on schema postdate to ${role};
    grant execute on function postdate.answer to ${role}`);
  try {
    await inTransaction(database.pool, async (tx) => {
      await tx.query(`set local role ${role}`);
      expect(await recordAnswer(tx, ref, { do: 'again', dueAt: tomorrow() })).toMatchObject({ result: 'answered' });
    });
    const forbidden = inTransaction(database.pool, async (tx) => {
      await tx.query(`set local role ${role}`);
      await tx.query('delete from postdate.answer');
    });
    await expect(forbidden).rejects.toMatchObject({ code: '42501' });
  } finally {
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});
