import { TypedSearchAttributes } from '@temporalio/common';
import { nanoid } from 'nanoid';
import { schedule } from '../../../src/client';
import type { HoldLimits } from '../../../src/delivery/hold/hold';
import { type ScheduledMessage, searchAttributesOf, workflowIdOf } from '../../../src/message/contract';
import { memoOf } from '../../../src/message/memo';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, groupTopic } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { type TestHold, useHolds } from '../../support/hold';
import { useTemporal } from '../../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const startAny = useHolds(database);
const started: TestHold[] = [];
async function startHold(topic: Topic, limits: Partial<HoldLimits> = {}, others: Topic[] = []): Promise<TestHold> {
  const worker = await startAny([topic, ...others], limits, { temporal });
  started.push(worker);
  return worker;
}
afterEach(() => Promise.all(started.splice(0).map((worker) => worker.leave())));

// A topic of each test's own, as one worker at a time calls the roll of a topic.
const newTopic = (fields: Partial<Topic> = {}): Topic => ({
  ...groupTopic({}, { leadMs: 5_000 }),
  name: `test.${nanoid(6).replace(/\W/g, 'x')}`,
  ...fields,
});
const fetched = ({ reported }: TestHold) => reported.fetched.reduce((sum, [, , messages]) => sum + messages, 0);
const from = ({ reported }: TestHold) => [...new Set(reported.fetched.map(([, source]) => source))];
const missing = ({ reported }: TestHold) => reported.missing.reduce((sum, [, messages]) => sum + messages, 0);

/** Starts messages that nobody runs. `memo` has the message as the producer's client writes it, unless a test says otherwise. */
async function startMany(messages: ScheduledMessage[], memo: (message: ScheduledMessage) => object = memoOf) {
  await Promise.all(
    messages.map((message) =>
      temporal.client.workflow.start('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: 'nobody',
        args: [message],
        memo: { ...memo(message) },
        typedSearchAttributes: new TypedSearchAttributes(searchAttributesOf(message)),
      }),
    ),
  );
}
const listed = (topic: Topic, count: number) =>
  eventually(async () => {
    const answer = await temporal.client.workflow.count(`PostdateTopic = '${topic.name}'`);
    expect(answer.count).toBe(count);
  });

const due = (topic: Topic, count: number, dueInMs: number, fields: Partial<ScheduledMessage> = {}) => {
  const dueAt = Date.now() + dueInMs;
  return Array.from({ length: count }, () =>
    effectMessage(0, { topic: topic.name, leadMs: 5_000, inBurst: true, ...fields, dueAt }),
  );
};

async function decisionsOf(topic: Topic) {
  const { rows } = await database.pool.query<{ key: string; early: boolean; effects: number }>(
    `select key, decided_at < due_at as early,
            (select count(*)::int from effects.effect where effect.key = delivery.key) as effects
       from postdate.delivery where topic = $1 and outcome = 'delivered'`,
    [topic.name],
  );
  return rows;
}
const landed = (topic: Topic, count: number) =>
  eventually(async () => expect(await decisionsOf(topic)).toHaveLength(count));

it('a burst that nobody wakes is held by sets from the memos, and lands once, none early', async () => {
  const topic = newTopic();
  const messages = due(topic, 150, 9_000);
  await startMany(messages);
  await listed(topic, 150);
  const worker = await startHold(topic);
  await landed(topic, 150);
  const decisions = await decisionsOf(topic);
  expect(decisions.filter(({ early, effects }) => early || effects !== 1)).toEqual([]);
  expect({ fetched: fetched(worker), from: from(worker), missing: missing(worker) }).toEqual({
    fetched: 150,
    from: ['list'],
    missing: 0,
  });
  expect(worker.errors).toEqual([]);
});

it('a memo that does not fit its run, or cannot be used, is not believed: the history is read', async () => {
  const notes = new Map<string, string>();
  const topic = newTopic(
    groupTopic({
      landAll(messages) {
        for (const { key, payload } of messages) notes.set(key, payload.note);
      },
    }),
  );
  topic.leadMs = 5_000;
  topic.name = newTopic().name;
  const good = due(topic, 120, 9_000, { payload: { note: 'right' } });
  const [{ dueAt }] = good as [ScheduledMessage];
  const odd = good.slice(0, 6).map((message) => ({ ...message, key: nanoid() }));
  const wrong = { note: 'wrong' };
  const memos: ((message: ScheduledMessage) => object)[] = [
    // Of the cycle before, as if a move had not renewed it.
    (message) => ({ ...memoOf({ ...message, payload: wrong, dueAt: dueAt - 1 }) }),
    (message) => ({ ...memoOf({ ...message, payload: wrong, cycle: 2 }), cycle: 1 }),
    () => ({ cycle: 1 }),
    () => ({ cycle: 1, message: 'wrong' }),
    (message) => ({ cycle: 1, message: { ...message, payload: 'x'.repeat(17_000) } }),
    (message) => ({ cycle: 1, message: { ...message, payload: wrong, v: 2 } }),
  ];
  await startMany(good);
  await Promise.all(odd.map((message, place) => startMany([message], memos[place])));
  await listed(topic, 126);
  const worker = await startHold(topic);
  await landed(topic, 126);
  expect(odd.map(({ key }) => notes.get(key))).toEqual(odd.map(() => 'right'));
  expect({ fetched: fetched(worker), missing: missing(worker) }).toEqual({ fetched: 120, missing: 6 });
});

it('a memo that names another message speaks for the message of its own run', async () => {
  const topic = newTopic();
  const [other, ...messages] = due(topic, 131, 9_000) as [ScheduledMessage, ...ScheduledMessage[]];
  await startMany(messages, (message) => {
    const { tenant, key } = other;
    return { cycle: 1, message: { ...(memoOf(message).message as object), tenant, key } };
  });
  await listed(topic, 130);
  await startHold(topic);
  await landed(topic, 130);
  expect((await decisionsOf(topic)).map(({ key }) => key).sort()).toEqual(messages.map(({ key }) => key).sort());
});

it('a burst of a topic with rows is read from the rows: Temporal knows none of them here', async () => {
  await database.pool.query('create table public.burst_row (key text primary key, due_at timestamptz, waits boolean)');
  const topic = newTopic({
    businessRows: `select 'acme' as tenant, key, 1 as cycle, due_at, '{"note": "n"}'::jsonb as payload, waits,
                          null::text as told from public.burst_row`,
  });
  const messages = due(topic, 151, 9_000);
  await database.pool.query(
    'insert into public.burst_row select key, to_timestamp($2::float8 / 1000), key <> $3 from unnest($1::text[]) as key',
    [messages.map(({ key }) => key), messages[0]?.dueAt, messages[0]?.key],
  );
  const worker = await startHold(topic);
  await landed(topic, 150);
  const decisions = await decisionsOf(topic);
  expect(decisions.filter(({ early, effects }) => early || effects !== 1)).toEqual([]);
  expect(decisions.map(({ key }) => key)).not.toContain(messages[0]?.key);
  expect({ fetched: fetched(worker), from: from(worker) }).toEqual({ fetched: 150, from: ['rows'] });
});

it('of a topic whose messages are always fetched, a few that nobody wakes are held by sets; of another one they are read one by one', async () => {
  const [topic, other] = [newTopic({ bySets: 'always' }), newTopic()];
  const few = { inBurst: undefined, bySets: true };
  await startMany([...due(topic, 3, 8_000, few), ...due(other, 3, 8_000, few)]);
  await Promise.all([listed(topic, 3), listed(other, 3)]);
  const worker = await startHold(topic, {}, [other]);
  await Promise.all([landed(topic, 3), landed(other, 3)]);
  const decisions = await decisionsOf(topic);
  expect(decisions.filter(({ early, effects }) => early || effects !== 1)).toEqual([]);
  const of = ({ name }: Topic) => ({
    fetched: worker.reported.fetched
      .filter(([topicName]) => topicName === name)
      .reduce((sum, [, , count]) => sum + count, 0),
    missing: worker.reported.missing
      .filter(([topicName]) => topicName === name)
      .reduce((sum, [, count]) => sum + count, 0),
  });
  expect({ always: of(topic), bursts: of(other) }).toEqual({
    always: { fetched: 3, missing: 0 },
    bursts: { fetched: 0, missing: 3 },
  });
});

it('of a topic whose messages are always fetched, a few with rows are read from the rows', async () => {
  await database.pool.query('create table public.few_row (key text primary key, due_at timestamptz, waits boolean)');
  const topic = newTopic({
    bySets: 'always',
    businessRows: `select 'acme' as tenant, key, 1 as cycle, due_at, '{"note": "n"}'::jsonb as payload, waits,
                          null::text as told from public.few_row`,
  });
  await database.pool.query(
    `insert into public.few_row select 'few-' || n, now() + interval '8 s', true from generate_series(1, 3) as n`,
  );
  const worker = await startHold(topic);
  await landed(topic, 3);
  expect((await decisionsOf(topic)).filter(({ early, effects }) => early || effects !== 1)).toEqual([]);
  expect({ fetched: fetched(worker), from: from(worker) }).toEqual({ fetched: 3, from: ['rows'] });
});

it('of such a topic a worker lands a message without an activity, and one that was cancelled before it was due not at all', async () => {
  const topic = newTopic({ bySets: 'always' });
  const newRef = () => ({ tenant: 'acme', key: nanoid() });
  const cancelled = newRef();
  const others = Array.from({ length: 3 }, newRef);
  const refs = [cancelled, ...others];
  const handleOf = ({ tenant, key }: { tenant: string; key: string }) =>
    temporal.client.workflow.getHandle(workflowIdOf({ topic: topic.name, tenant, key }));
  await temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, async () => {
    // From the worker's start on: a busy machine may take seconds for that, and what is late is not fetched.
    const post = { topic, dueAt: Date.now() + 8_000, payload: { note: 'n' } };
    for (const ref of refs) await schedule(temporal.client, { ...post, ...ref });
    await handleOf(cancelled).signal('cancel', { commandId: nanoid() });
    const results = await Promise.all(refs.map((ref) => handleOf(ref).result()));
    expect(results.map(({ outcome }) => outcome)).toEqual(['cancelled', 'delivered', 'delivered', 'delivered']);
  });
  expect((await decisionsOf(topic)).map(({ key }) => key).sort()).toEqual(others.map(({ key }) => key).sort());
  for (const ref of others) {
    const { events } = await handleOf(ref).fetchHistory();
    expect(events?.filter((event) => event.activityTaskScheduledEventAttributes)).toEqual([]);
  }
});

it('a burst takes no more than its room, no place of an attempt, and not the share of another topic', async () => {
  const [topic, other] = [newTopic(), newTopic()];
  const [mine, others] = [due(topic, 150, 9_000), due(other, 150, 9_000)];
  const [byAttempt] = due(other, 1, 9_000) as [ScheduledMessage];
  await startMany([...mine, ...others]);
  await Promise.all([listed(topic, 150), listed(other, 150)]);
  // Room for 120 in all, and 30 for each of the two at least.
  const worker = await startHold(topic, { heldMessages: 12 }, [other]);
  await eventually(async () => {
    const { rows } = await database.pool.query<{ topic: string; held: number }>(
      'select topic, count(*)::int as held from postdate.held where topic = any($1) group by topic',
      [[topic.name, other.name]],
    );
    const counts = rows.map(({ held }) => held);
    expect(counts).toHaveLength(2);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...counts)).toBeLessThan(150);
  });
  expect(await worker.deliver(other, byAttempt)).toMatchObject({ outcome: 'delivered' });
  expect(await decisionsOf(other)).toContainEqual({ key: byAttempt.key, early: false, effects: 1 });
});

it('a message whose cycle an earlier post has used is woken, as no set can bring it; another one sleeps on', async () => {
  const topic = newTopic();
  const [taken, ...others] = due(topic, 3, 8_000, { postId: 'second-post' }) as [
    ScheduledMessage,
    ...ScheduledMessage[],
  ];
  await database.pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late, post_id)
     values ($1, 'acme', $2, 1, 'delivered', now() - interval '1 year', false, 'first-post')`,
    [topic.name, taken.key],
  );
  await startMany([taken, ...others]);
  await listed(topic, 3);
  await startHold(topic);
  await landed(topic, 3);
  const signalsOf = async (message: ScheduledMessage) => {
    const { events } = await temporal.client.workflow.getHandle(workflowIdOf(message)).fetchHistory();
    return events?.flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
  };
  expect(await signalsOf(taken)).toEqual(['wake']);
  for (const other of others) expect(await signalsOf(other)).toEqual([]);
});
