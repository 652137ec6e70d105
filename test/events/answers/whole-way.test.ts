import { nanoid } from 'nanoid';
import { describe as describeMessage, schedule } from '../../../src/client';
import { land } from '../../../src/delivery/landing/landing';
import { recordAnswer } from '../../../src/events/answers/answer';
import { readStream, type StreamedEvent } from '../../../src/events/stream';
import { workflowIdOf } from '../../../src/message/contract';
import { rfc3339 } from '../../../src/message/due-time';
import { runAudit } from '../../../src/operating/audit/audit';
import { findFailed } from '../../../src/operating/redrive/failed';
import { redrive } from '../../../src/operating/redrive/redrive';
import { readStory } from '../../../src/operating/story/story';
import { forwardSettingsOf } from '../../../src/process/config';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { createWaiting } from '../../../src/producing/waiting-runs';
import { forwardTopic } from '../../../src/topics/forward-topic';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { dispatchAll, startTestDispatcher } from '../../support/dispatching';
import { eventually } from '../../support/eventually';
import { useHttp } from '../../support/http';
import { runLocal, useFolder } from '../../support/local-process';
import { useTemporal } from '../../support/temporal';

// So that an ended workflow can be deleted at once.
const temporal = useTemporal();
const database = useDatabase();
useFolder();
// As somebody has it who writes no TypeScript.
const declared = { POSTDATE_FORWARD_TOPICS: 'orders.reminder?answerWithinMs=1,orders.expiry' };
const topics = forwardSettingsOf(declared).map((one) => forwardTopic(one));
const [topic] = topics as [Topic];
const parts = { topics, consumers: [], schemas: [] };
const http = useHttp(temporal, database, parts);
const during = (work: () => Promise<void>) => () => temporal.withWorker(database, parts, work);
beforeAll(() => registerTopics(database.pool, topics));

const refOf = (key: string) => ({ topic: topic.name, tenant: 'acme', key });
const pathOf = (key: string) => `/v1/messages/${topic.name}/acme/${key}`;
const inMs = (ms: number) => rfc3339(Date.now() + ms);
const payload = { order: 7, lines: [{ article: 'é', pieces: 2 }] };
const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

async function eventsOf(key: string): Promise<StreamedEvent['event'][]> {
  const all = await readStream(database.pool, 0, 10_000);
  return all.map(({ event }) => event).filter(({ subject }) => subject === `acme/${key}`);
}
const forwarded = (key: string, cycle: number) =>
  eventually(async () => {
    const found = (await eventsOf(key)).find((event) => event.type === 'orders.reminder.due' && event.cycle === cycle);
    expect(found).toBeDefined();
    return found as StreamedEvent['event'];
  });
const ended = (key: string, ending: object) =>
  eventually(async () => expect(await describeMessage(temporal.client, refOf(key))).toMatchObject({ ending }));

it(
  'posted, due, put on the stream, answered again, due again, answered done: over HTTP alone, and nothing of it early or twice',
  during(async () => {
    const [key, dueAt] = [nanoid(), inMs(1_500)];
    const body = { ...refOf(key), dueAt, payload };
    expect(await http.ask('POST', '/v1/messages', { body })).toMatchObject({ status: 201 });
    const done = { cycle: 1, do: 'done' };
    const answering = (answer: object, to = key) => http.ask('POST', `${pathOf(to)}/answer`, { body: answer });
    // Nobody can answer what was not forwarded yet.
    const waiting = { ...body, key: nanoid(), dueAt: inMs(3_600_000) };
    expect(await http.ask('POST', '/v1/messages', { body: waiting })).toMatchObject({ status: 201 });
    const notYet = { status: 400, body: { code: 'notForwarded', field: 'cycle' } };
    expect(await answering(done, waiting.key)).toMatchObject(notYet);

    const first = await forwarded(key, 1);
    expect(first.data).toEqual({ ...refOf(key), cycle: 1, dueAt, payload });
    expect(Date.parse(first.time)).toBeGreaterThanOrEqual(Date.parse(dueAt));
    // Long enough ahead to be seen not to come early.
    const later = inMs(2_000);
    const again = { cycle: 1, do: 'again', dueAt: later };
    const said = { do: 'again', next: { cycle: 2, dueAt: later }, answeredAt: expect.any(String) };
    expect(await answering(again)).toMatchObject({ status: 200, body: { result: 'answered', ...said } });
    // A consumer that did not hear it, and one that has changed its mind.
    expect(await answering(again)).toMatchObject({ status: 200, body: { result: 'answeredBefore', ...said } });
    expect(await answering(done)).toMatchObject({ status: 200, body: { result: 'answeredBefore', ...said } });

    const second = await forwarded(key, 2);
    expect(second.data).toEqual({ ...refOf(key), cycle: 2, dueAt: later, payload });
    expect(Date.parse(second.time)).toBeGreaterThanOrEqual(Date.parse(later));
    expect(await answering({ cycle: 2, do: 'done' })).toMatchObject({ body: { result: 'answered', do: 'done' } });
    await ended(key, { outcome: 'delivered', cycle: 2 });
    expect((await eventsOf(key)).map(({ type, cycle }) => [type, cycle])).toEqual([
      ['orders.reminder.due', 1],
      ['orders.reminder.due', 2],
    ]);

    const told = await readStory({ client: temporal.client, pool: database.pool }, refOf(key));
    const ofAnswers = told?.happenings.filter(({ source }) => source === 'answer');
    expect(ofAnswers).toMatchObject([
      { what: 'forwarded', cycle: 1, detail: expect.stringMatching(/^an answer is expected by \d{4}-/) },
      { what: 'answered again', cycle: 1, detail: `cycle 2 is due ${later}` },
      { what: 'forwarded', cycle: 2 },
      { what: 'answered done', cycle: 2 },
    ]);
  }),
);

it('the next cycle is not lost when it is answered before Temporal has heard of the landing', async () => {
  const key = nanoid();
  const dueAt = Date.now() - 1_000;
  // No worker is there: the run stays open, as it does in a burst while others are told first.
  await schedule(temporal.client, { ...refOf(key), topic, dueAt, payload: payload as never });
  const message = { v: 1 as const, ...refOf(key), cycle: 1, dueAt, payload };
  await land(database.pool, topic, [{ message, late: true }]);
  await recordAnswer(database.pool, { ...refOf(key), cycle: 1 }, { do: 'again', dueAt: inMs(-1) });
  const command = async () => (await query('select * from postdate.command where key = $1', [key]))[0];
  const dispatcher = startTestDispatcher({ pool: database.pool, client: temporal.client }, topics);
  try {
    const failure = 'the cycle before it has not ended yet';
    await eventually(async () => expect(await command()).toMatchObject({ answer: null, failure }), 20_000);
    // It is no sign of trouble: other commands go on as fast as before.
    expect(dispatcher.errors).toEqual([]);
  } finally {
    await dispatcher.stop();
  }
  await temporal.withWorker(database, parts, async () => {
    expect((await forwarded(key, 2)).data).toMatchObject({ payload });
    await eventually(async () => expect(await command()).toMatchObject({ answer: { result: 'scheduled' } }));
  });
});

it('who has posted the message anew meanwhile has its way: again finds it waiting, and leaves it as it is', async () => {
  const key = nanoid();
  const message = { v: 1 as const, ...refOf(key), cycle: 1, dueAt: Date.now() - 1_000, payload };
  await land(database.pool, topic, [{ message, late: false }]);
  const anew = inMs(3_600_000);
  await schedule(temporal.client, { ...refOf(key), topic, dueAt: anew, payload: payload as never });
  await recordAnswer(database.pool, { ...refOf(key), cycle: 1 }, { do: 'again', dueAt: inMs(60_000) });
  await dispatchAll({ pool: database.pool, client: temporal.client }, topics);
  const [command] = await query('select answer from postdate.command where key = $1', [key]);
  expect(command.answer).toMatchObject({ result: 'kept' });
  expect(await describeMessage(temporal.client, refOf(key))).toMatchObject({ state: 'waiting', dueAt: anew });
});

it(
  'what its consumer has failed is told, found, and forwarded again by a redrive, also when Temporal has forgotten it',
  during(async () => {
    const failing = async (key: string) => {
      await schedule(temporal.client, { ...refOf(key), topic, dueAt: Date.now() - 1, payload: payload as never });
      await forwarded(key, 1);
      await ended(key, { outcome: 'delivered', cycle: 1 });
      const body = { cycle: 1, do: 'failed', reason: 'no such order' };
      expect(await http.ask('POST', `${pathOf(key)}/answer`, { body })).toMatchObject({
        status: 200,
        body: { result: 'answered', do: 'failed', reason: 'no such order' },
      });
      const [failed] = await findFailed(database.pool, { topic: topic.name, key }, 10);
      return failed as NonNullable<typeof failed>;
    };
    const deps = { pool: database.pool, client: temporal.client, waiting: createWaiting(temporal.client) };
    const wanted = { by: 'Anna', reason: 'the order is there now' };

    const known = nanoid();
    const failed = await failing(known);
    await eventually(async () =>
      expect(await eventsOf(known)).toMatchObject([
        { type: 'orders.reminder.due' },
        { type: 'postdate.failed', cycle: 1, data: { reason: 'no such order', dueAt: failed.dueAt } },
      ]),
    );
    expect(await redrive(deps, topic, failed, wanted)).toEqual({ result: 'redriven', cycle: 2 });
    expect((await forwarded(known, 2)).data).toMatchObject({ payload, cycle: 2 });
    expect(await findFailed(database.pool, { topic: topic.name, key: known }, 10)).toEqual([]);

    const forgotten = nanoid();
    const other = await failing(forgotten);
    const workflowId = workflowIdOf(refOf(forgotten));
    await eventually(async () => {
      await temporal.client.workflowService
        .deleteWorkflowExecution({ namespace: temporal.namespace, workflowExecution: { workflowId } })
        .catch(() => undefined);
      expect(await describeMessage(temporal.client, refOf(forgotten))).toBeUndefined();
    });
    expect(await redrive(deps, topic, other, wanted)).toEqual({ result: 'redriven', cycle: 2 });
    expect((await forwarded(forgotten, 2)).data).toMatchObject({ payload, cycle: 2 });

    await eventually(async () => {
      const { sound, topics: conserved } = await runAudit(database.pool, topics);
      expect({ sound, gaps: conserved.flatMap(({ tenants }) => tenants.map(({ gap }) => gap)) }).toEqual({
        sound: true,
        gaps: [0],
      });
    });
  }),
);

describe('on the command line', () => {
  const postdate = async (...args: string[]) => {
    const cli = runLocal('app/cli.ts', { args, env: { ...temporal.envFor(database), ...declared } });
    return { code: await cli.ended, printed: cli.printed() };
  };
  const landed = async () => {
    const key = nanoid().replace(/^-+/, 'k');
    const message = { v: 1 as const, ...refOf(key), cycle: 1, dueAt: Date.now() - 1_000, payload };
    await land(database.pool, topic, [{ message, late: false }]);
    return key;
  };
  const naming = (key: string) => [`--topic=${topic.name}`, '--tenant=acme', `--key=${key}`, '--cycle=1'];

  it('unanswered lists what is overdue, and answer answers it: 0 when it is so, 1 when another one stands, 2 for bad input', async () => {
    const key = await landed();
    const found = async () =>
      JSON.parse((await postdate('unanswered', '--json')).printed).map((one: { key: string }) => one.key);
    await eventually(async () => expect(await found()).toContain(key));
    expect(await postdate('unanswered')).toMatchObject({
      code: 1,
      printed: expect.stringMatching(new RegExp(`^\\d{4}-\\S+Z  orders\\.reminder  acme/${key}  cycle 1$`, 'm')),
    });
    const due = inMs(3_600_000);
    const again = ['answer', ...naming(key), '--do=again', `--due=${due}`];
    expect(await postdate(...again)).toEqual({ code: 0, printed: `answered again, due ${due} in cycle 2\n` });
    expect(await postdate(...again)).toMatchObject({ code: 0, printed: expect.stringMatching(/^answeredBefore, at/) });
    expect(await postdate('answer', ...naming(key), '--do=done', '--json')).toMatchObject({ code: 1 });
    expect(await found()).not.toContain(key);
    expect(await postdate('answer', ...naming('nobody'), '--do=done')).toEqual({
      code: 2,
      printed: expect.stringContaining('[notForwarded]'),
    });
  });

  it('topics shows which forward, and a variable that cannot be read is one line and exit code 2', async () => {
    expect((await postdate('topics')).printed).toMatch(/^orders\.expiry .* yes$/m);
    const cli = runLocal('app/cli.ts', { args: ['topics'], env: { POSTDATE_FORWARD_TOPICS: 'a b' } });
    expect({ code: await cli.ended, errors: cli.errors() }).toEqual({
      code: 2,
      errors: expect.stringMatching(/^error: POSTDATE_FORWARD_TOPICS: [^\n]+\n$/),
    });
  });
});

describe('over HTTP', () => {
  const landed = async (fields: object = {}) => {
    const key = nanoid();
    const message = { v: 1 as const, ...refOf(key), cycle: 1, dueAt: Date.now() - 1_000, payload, ...fields };
    await land(database.pool, topic, [{ message, late: false }]);
    return key;
  };
  const untouched = async (key: string) =>
    expect(await query('select answer from postdate.answer where key = $1 and cycle = 1', [key])).toEqual([
      { answer: null },
    ]);

  it("to another tenant's key there is no such message, and to an operator's there is", async () => {
    const key = await landed();
    const asked = { body: { cycle: 1, do: 'done' } };
    expect(await http.ask('POST', `${pathOf(key)}/answer`, { ...asked, key: http.keys.globex })).toMatchObject({
      status: 404,
      body: { code: 'notFound' },
    });
    expect(await http.ask('POST', `${pathOf(key)}/answer`, { ...asked, key: null })).toMatchObject({ status: 401 });
    await untouched(key);
    expect(await http.ask('POST', `${pathOf(key)}/answer`, { ...asked, key: http.keys.operator })).toMatchObject({
      status: 200,
      body: { result: 'answered' },
    });
  });

  it('again is 409 once a later cycle is there, and says which', async () => {
    const key = await landed();
    await land(database.pool, topic, [
      { message: { v: 1, ...refOf(key), cycle: 4, dueAt: Date.now() - 1, payload }, late: false },
    ]);
    const body = { cycle: 1, do: 'again', dueAt: inMs(60_000) };
    expect(await http.ask('POST', `${pathOf(key)}/answer`, { body })).toMatchObject({
      status: 409,
      body: { code: 'tooLate', cycle: 4 },
    });
    await untouched(key);
  });

  it.each<[string, object, string, string]>([
    ['no cycle', { do: 'done', cycle: undefined }, 'invalidCycle', 'cycle'],
    ['a cycle of zero', { do: 'done', cycle: 0 }, 'invalidCycle', 'cycle'],
    ['a cycle that is still to come', { do: 'done', cycle: 2 }, 'notForwarded', 'cycle'],
    ['no word', {}, 'invalidAnswer', 'do'],
    ['another word', { do: 'skip' }, 'invalidAnswer', 'do'],
    ['a field that is none', { do: 'done', took: 7 }, 'unknownField', 'took'],
    ['done with a due time', { do: 'done', dueAt: inMs(60_000) }, 'invalidDueAt', 'dueAt'],
    ['again without a due time', { do: 'again' }, 'invalidDueAt', 'dueAt'],
    ['again in words', { do: 'again', dueAt: 'tomorrow' }, 'invalidDueAt', 'dueAt'],
    ['again in 2099', { do: 'again', dueAt: '2099-01-01T00:00:00Z' }, 'dueAtTooFar', 'dueAt'],
    ['failed without a reason', { do: 'failed' }, 'invalidReason', 'reason'],
    ['failed for a number', { do: 'failed', reason: 7 }, 'invalidReason', 'reason'],
    ['failed for very long', { do: 'failed', reason: 'r'.repeat(2_001) }, 'invalidReason', 'reason'],
    ['done with a reason', { do: 'done', reason: 'r' }, 'invalidReason', 'reason'],
  ])('%s is refused, and nothing is stored', async (_what, fields, code, field) => {
    const key = await landed();
    const answer = await http.ask('POST', `${pathOf(key)}/answer`, { body: { cycle: 1, ...fields } });
    expect(answer).toMatchObject({ status: 400, body: { status: 400, code, field } });
    await untouched(key);
  });

  it('a topic that has a handler, or that nobody serves, is answered by nobody', async () => {
    const body = { cycle: 1, do: 'done' };
    await database.pool.query(`insert into postdate.topic values ('orders.handled', 0, 1, false)`);
    const at = (name: string) => http.ask('POST', `/v1/messages/${name}/acme/k/answer`, { body });
    expect(await at('orders.handled')).toMatchObject({
      status: 400,
      body: { code: 'notAForwardTopic', field: 'topic' },
    });
    expect(await at('nobody.knows')).toMatchObject({ status: 400, body: { code: 'unknownTopic', field: 'topic' } });
  });
});
