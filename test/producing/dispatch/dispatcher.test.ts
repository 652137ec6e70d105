import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { nanoid } from 'nanoid';
import { type Link, startLink } from '../../../chaos/system/proxy';
import { cancelIn, describe as describeMessage, list, moveIn, scheduleIn } from '../../../src/client';
import { lookAround } from '../../../src/delivery/held/look-around';
import { inTransaction } from '../../../src/platform/database/pool';
import { deregister } from '../../../src/platform/database/worker-registry';
import { runInBackground } from '../../../src/platform/loops/background-loop';
import { claimCommands, type QueuedCommand } from '../../../src/producing/dispatch/command-queue';
import { executeCommand } from '../../../src/producing/dispatch/execute-command';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { defineTopic } from '../../../src/topics/define-topic';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import {
  allDispatched,
  dispatchAll,
  post,
  refOf,
  startTestDispatcher,
  type TestDispatcher,
  postedTopic as topic,
} from '../../support/dispatching';
import { effectsSchema, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

const temporal = useTemporal();
const database = useDatabase(effectsSchema);
const onError = (error: unknown) => {
  throw error;
};
beforeAll(() => registerTopics(database.pool, [topic]));
beforeEach(() => database.pool.query('truncate postdate.command'));

const during = (work: () => Promise<void>) => () =>
  temporal.withWorker(database, { topics: [topic], consumers: [], schemas: [] }, work);
const query = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await database.pool.query<Row>(text, values)).rows;
const answersOf = async (key: string) =>
  (
    await query<{ answer: Record<string, unknown> | null }>(
      'select answer from postdate.command where key = $1 order by seq',
      [key],
    )
  ).map(({ answer }) => answer);
const decisionsOf = async (key: string) =>
  (await query<{ outcome: string }>('select outcome from postdate.delivery where key = $1 order by cycle', [key])).map(
    ({ outcome }) => outcome,
  );

it(
  'what has been committed is posted, and lands like any other; what was rolled back never is',
  during(async () => {
    const [committed, undone] = [post({ dueAt: Date.now() + 500 }), post({ dueAt: Date.now() + 500 })];
    await inTransaction(database.pool, (tx) => scheduleIn(tx, committed));
    const failed = inTransaction(database.pool, async (tx) => {
      await scheduleIn(tx, undone);
      throw new Error('no money');
    });
    await expect(failed).rejects.toThrow('no money');
    await eventually(async () =>
      expect(await traces(database.pool, committed.key)).toEqual({ effects: 1, decisions: 1, events: 1 }),
    );
    expect(await answersOf(committed.key)).toMatchObject([{ result: 'scheduled' }]);
    expect(await describeMessage(temporal.client, refOf(undone))).toBeUndefined();
    expect(await traces(database.pool, undone.key)).toEqual({ effects: 0, decisions: 0, events: 0 });
  }),
);

it('schedule, move and cancel of one message, committed one after the other, are carried out in that order', async () => {
  const [message, kept] = [post(), post()];
  for (const one of [message, kept]) {
    await inTransaction(database.pool, (tx) => scheduleIn(tx, one));
    const dueAt = one === kept ? Date.now() + 1_000 : one.dueAt + 1;
    await inTransaction(database.pool, (tx) => moveIn(tx, refOf(one), { dueAt }));
  }
  await inTransaction(database.pool, (tx) => cancelIn(tx, refOf(message), { reason: 'paid' }));
  await during(async () => {
    await eventually(async () => expect(await decisionsOf(kept.key)).toEqual(['moved', 'delivered']));
    await allDispatched(database.pool);
  })();
  expect(await answersOf(message.key)).toMatchObject([
    { result: 'scheduled' },
    { result: 'moved', cycle: 2 },
    { result: 'cancelled' },
  ]);
  expect(await decisionsOf(message.key)).toEqual(['moved', 'cancelled']);
  expect(await traces(database.pool, message.key)).toMatchObject({ effects: 0 });
});

it(
  'three dispatchers at once take each command once, and those of each message in their order',
  during(async () => {
    const dispatchers = [1, 2].map(() => startTestDispatcher({ ...database, client: temporal.client }, [topic]));
    const taken = ({ results }: TestDispatcher) => Object.values(results).reduce((sum, count) => sum + count, 0);
    const messages: ReturnType<typeof post>[] = [];
    // Each is claimed when it is committed, by chance; so until each has had some, with by far more rounds than it takes.
    for (let round = 0; round < 2 || (round < 30 && dispatchers.some((one) => taken(one) === 0)); round += 1) {
      const more = Array.from({ length: 15 }, () => post());
      for (const message of more) {
        await inTransaction(database.pool, (tx) => scheduleIn(tx, message));
        await inTransaction(database.pool, (tx) => moveIn(tx, refOf(message), { dueAt: message.dueAt + 1 }));
        await inTransaction(database.pool, (tx) => cancelIn(tx, refOf(message)));
      }
      messages.push(...more);
      await allDispatched(database.pool);
    }
    for (const dispatcher of dispatchers) {
      expect(taken(dispatcher)).toBeGreaterThan(0);
      expect(dispatcher.errors).toEqual([]);
    }
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
    for (const { key } of messages) {
      const results = (await answersOf(key)).map((answer) => answer?.result);
      expect(results).toEqual(['scheduled', 'moved', 'cancelled']);
      expect(await decisionsOf(key)).toEqual(['moved', 'cancelled']);
    }
    expect(await query('select 1 from postdate.command where tries <> 1')).toEqual([]);
    const disorder = `select 1 from postdate.command as one join postdate.command as later using (topic, tenant, key)
                       where later.seq > one.seq and later.dispatched_at < one.dispatched_at`;
    expect(await query(disorder)).toEqual([]);
  }),
);

it(
  'a dispatcher that dies after its call and before it has written down the answer: another repeats it, to no effect',
  during(async () => {
    const message = post();
    // Committed as claimed, so that the worker's own dispatcher does not come before.
    const calls: [(tx: Parameters<typeof scheduleIn>[0]) => Promise<string>, object][] = [
      [(tx) => scheduleIn(tx, message), { result: 'scheduled' }],
      [(tx) => moveIn(tx, refOf(message), { dueAt: message.dueAt + 1 }), { result: 'moved', cycle: 2 }],
      [(tx) => cancelIn(tx, refOf(message)), { result: 'cancelled' }],
    ];
    for (const [command, answer] of calls) {
      const worker = `doomed-${nanoid()}`;
      await lookAround(database.pool, worker, { lane: 'stable', topics: [] });
      const alive = runInBackground(
        () => lookAround(database.pool, worker, { lane: 'stable', topics: [] }).then(() => 'idle'),
        {
          pauseMs: 500,
          onError,
        },
      );
      const [claimed] = await inTransaction(database.pool, async (tx) => {
        await command(tx);
        return claimCommands(tx, worker, { topics: [topic.name], shares: new Map([['acme', 10]]) });
      });
      expect(await executeCommand(temporal.client, topic, claimed as QueuedCommand)).toMatchObject(answer);
      // As long as it lives, nobody else takes it.
      expect((await answersOf(message.key)).at(-1)).toBeNull();
      await alive.stop();
      await deregister(database.pool, worker);
      await eventually(async () => expect((await answersOf(message.key)).at(-1)).toMatchObject(answer));
    }
    expect(await query('select tries from postdate.command')).toEqual([{ tries: 2 }, { tries: 2 }, { tries: 2 }]);
    expect(await decisionsOf(message.key)).toEqual(['moved', 'cancelled']);
  }),
);

describe('Temporal away', () => {
  let link: Link;
  let connection: NativeConnection;
  const dispatchers: TestDispatcher[] = [];
  beforeAll(async () => {
    link = await startLink(() => Number(temporal.address.split(':')[1]));
    connection = await NativeConnection.connect({ address: `127.0.0.1:${link.port}` });
  });
  afterAll(async () => {
    await Promise.all(dispatchers.map((dispatcher) => dispatcher.stop()));
    await connection.close();
    await link.stop();
  });

  it('while 200 are posted: all are dispatched when it is back, each once, at the rate that is set', async () => {
    link.setMode('refuse');
    const perSecond = 40;
    const client = new Client({ connection, namespace: temporal.namespace });
    for (let nth = 0; nth < 2; nth += 1) {
      dispatchers.push(startTestDispatcher({ ...database, client }, [topic], { perSecond }));
    }
    const messages = Array.from({ length: 200 }, () => post({ tenant: 'away' }));
    await inTransaction(database.pool, async (tx) => {
      for (const message of messages) await scheduleIn(tx, message);
    });
    // Each dispatcher has understood, and only tries now and then whether Temporal is back.
    await eventually(async () => {
      for (const { errors } of dispatchers) expect(errors.length).toBeGreaterThan(3);
      const claimed = await query('select 1 from postdate.command where claimed_by is not null');
      expect(claimed.length).toBeLessThanOrEqual(2);
    });
    expect(await query('select 1 from postdate.command where dispatched_at is not null')).toEqual([]);
    expect(await query(`select 1 from postdate.command where failure <> ''`)).not.toEqual([]);
    expect((await query('select 1 from postdate.command where tries = 0')).length).toBeGreaterThan(100);

    const [{ now } = { now: new Date(0) }] = await query<{ now: Date }>('select clock_timestamp() as now');
    link.setMode('pass');
    await allDispatched(database.pool, 120_000);
    const [counts] = await query(
      `select count(*) filter (where answer->>'result' = 'scheduled')::int as scheduled,
              -- each but the two that may have been under way takes a place, of which there are so many a second; the
              -- last two groups have taken theirs together
              max(dispatched_at) >= $1::timestamptz + make_interval(secs => (200 - 2 - 2 * 4) / $2::float8) as bounded
         from postdate.command`,
      [now, perSecond],
    );
    expect(counts).toEqual({ scheduled: 200, bounded: true });
    const taken = dispatchers.map(({ results: { scheduled = 0 } }) => scheduled);
    expect(taken.reduce((sum, count) => sum + count, 0)).toBe(200);
    await eventually(async () => {
      const found = [];
      for await (const { key } of list(temporal.client, { topic: topic.name, tenant: 'away' })) found.push(key);
      expect(found.sort()).toEqual(messages.map(({ key }) => key).sort());
    });
  }, 240_000);
});

it('what only a dispatcher can refuse is written down with code and field, said, and never tried again', async () => {
  const call = (key: string, more: string) =>
    query(`select postdate.schedule($1, 'acme', $2, now() + interval '1 hour', ${more})`, [topic.name, key]);
  await call('repeat', `'{"note": "n"}', repeat => '{"cron": "61 * * * *"}'`);
  await call('payload', `'{"note": 7}'`);
  await call('good', `'{"note": "n"}', repeat => '{"cron": "1 * * * *", "zone": "Europe/Amsterdam"}'`);
  await query(`select postdate.cancel($1, 'acme', 'repeat', command_id => 'later')`, [topic.name]);
  const dispatcher = startTestDispatcher({ ...database, client: temporal.client }, [topic]);
  await allDispatched(database.pool);
  await dispatcher.stop();

  const refused = { result: 'refused', code: 'invalidRepeat', field: 'repeat.cron', message: expect.any(String) };
  // What comes after it goes its way.
  expect(await answersOf('repeat')).toEqual([refused, { result: 'notFound' }]);
  expect(await answersOf('payload')).toMatchObject([{ result: 'refused', code: 'invalidPayload', field: 'payload' }]);
  expect(await answersOf('good')).toMatchObject([{ result: 'scheduled' }]);
  expect(dispatcher.results).toEqual({ refused: 2, notFound: 1, scheduled: 1 });
  const said = { topic: topic.name, tenant: 'acme', key: 'repeat', code: 'invalidRepeat', field: 'repeat.cron' };
  expect(dispatcher.logged).toHaveLength(2);
  expect(dispatcher.logged).toContainEqual(expect.objectContaining(said));
  expect(await query('select 1 from postdate.command where tries <> 1')).toEqual([]);
});

it('commands of a topic that nobody serves wait, and are counted as waiting', async () => {
  const other: Topic = { ...topic, name: 'test.other' };
  await registerTopics(database.pool, [other]);
  await scheduleIn(database.pool, { ...post(), topic: other, payload: { note: 'n' } });
  await scheduleIn(database.pool, post());
  const dispatcher = startTestDispatcher({ ...database, client: temporal.client }, [topic]);
  await eventually(async () => expect(dispatcher.results).toEqual({ scheduled: 1 }));
  await dispatcher.stop();
  expect(dispatcher.oldestMs[0]).toBeGreaterThan(0);
  await dispatchAll({ ...database, client: temporal.client }, [other]);
});

it('a payload that was posted in an older form is scheduled in the present one', async () => {
  const older: Topic = { ...topic, name: 'test.forms' };
  await registerTopics(database.pool, [older]);
  const message = { ...post(), topic: older, payload: { note: 'first' } };
  await scheduleIn(database.pool, message);
  const { payload } = defineTopic({ ...topic, payload: topic.payload.extend({ of: topic.payload.shape.note }) });
  const newer: Topic = {
    ...older,
    payload,
    payloadVersion: 2,
    upcasts: [(before) => ({ ...(before as object), of: 'upcast' })],
  };
  await dispatchAll({ ...database, client: temporal.client }, [newer]);
  const handle = temporal.client.workflow.getHandle(`postdate:test.forms:acme:${message.key}`);
  const [started] = (await handle.fetchHistory()).events ?? [];
  const [input] = started?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  expect(JSON.parse(Buffer.from(input?.data as Uint8Array).toString())).toMatchObject({
    payload: { note: 'first', of: 'upcast' },
    payloadVersion: 2,
  });
});
