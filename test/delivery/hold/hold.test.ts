import type { PoolClient } from 'pg';
import { done, PermanentFailure, skip, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);

/** Messages due at one instant. */
const burst = (count: number, dueInMs: number, fields: Parameters<typeof effectMessage>[1] = {}) => {
  const dueAt = Date.now() + dueInMs;
  return Array.from({ length: count }, () => effectMessage(0, { ...fields, dueAt }));
};

async function ledgerOf(messages: { key: string }[]) {
  const { rows } = await database.pool.query(
    `select key, outcome, reason, decided_at >= due_at as not_early, xmin::text as transaction
       from postdate.delivery where key = any($1) order by decided_at`,
    [messages.map(({ key }) => key)],
  );
  return rows as { key: string; outcome: string; reason: string | null; not_early: boolean; transaction: string }[];
}

const heldRows = async () => (await database.pool.query('select key from postdate.held')).rows.map(({ key }) => key);
const once = { effects: 1, decisions: 1, events: 1 };
const nothing = { effects: 0, decisions: 0, events: 0 };

describe('messages due at one instant', () => {
  it('land in groups of at most five hundred, none early, each once, and nothing stays written down as held', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic]);
    const messages = burst(1_200, 2_500);
    const landed = Promise.all(messages.map((message) => worker.deliver(topic, message)));
    await eventually(async () => expect((await heldRows()).length).toBe(1_200));
    expect(await ledgerOf(messages)).toEqual([]);

    expect((await landed).every(({ outcome }) => outcome === 'delivered')).toBe(true);
    const rows = await ledgerOf(messages);
    expect(rows).toHaveLength(1_200);
    expect(rows.every((row) => row.not_early)).toBe(true);
    expect(new Set(rows.map((row) => row.transaction)).size).toBe(3);
    // Two land at a time, so the smallest may be through before the second large one.
    expect(worker.reported.landed.map(([, size]) => size).sort()).toEqual([200, 500, 500]);
    for (const { key } of messages.slice(0, 5)) expect(await traces(database.pool, key)).toEqual(once);
    await eventually(async () => expect(await heldRows()).toEqual([]));
  });

  it('land in groups as small as they are configured to be', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic], { groupSize: 40 });
    await Promise.all(burst(100, 1_500).map((message) => worker.deliver(topic, message)));
    expect(worker.reported.landed.map(([, size]) => size).sort()).toEqual([20, 40, 40]);
  });

  it('are not landed by a clock that runs ahead, and the database is not asked over and over', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic], {}, { aheadMs: 700 });
    const messages = burst(20, 1_000);
    await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    expect((await ledgerOf(messages)).every((row) => row.not_early)).toBe(true);
    // Once too early, and once when the difference was over, or a few times where the milliseconds part the group.
    expect(worker.reported.landed.length).toBeGreaterThanOrEqual(2);
    expect(worker.reported.landed.length).toBeLessThanOrEqual(5);
  });

  it('are counted as held or not yet, with their lateness and the lead that they would have needed', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic]);
    const [held, late] = [burst(3, 300, { leadMs: 10_000 }), burst(2, -500, { leadMs: 10_000 })];
    const wakeAt = Date.now() - 4_000;
    await Promise.all([...held, ...late].map((message) => worker.deliver(topic, message, { wakeAt })));
    expect(worker.reported.due.filter(([, isHeld]) => isHeld)).toHaveLength(3);
    expect(worker.reported.due.filter(([, isHeld]) => !isHeld)).toHaveLength(2);
    expect(worker.reported.late.filter(([, ms]) => ms >= 500)).toHaveLength(2);
    expect(worker.reported.late.every(([, ms]) => ms >= 0)).toBe(true);
    // The lead, and five fourths of the four seconds that the wakes were late, give or take what two clocks differ by.
    expect(worker.reported.neededLead.at(-1)?.[1]).toBeGreaterThanOrEqual(14_900);
    expect(worker.reported.neededLead.at(-1)?.[1]).toBeLessThan(20_000);
  });
});

describe('one poisonous message', () => {
  const poison = effectMessage(0).key;
  const poisonous = (key: string) => key === poison;

  it('in a set-based group undoes the group once; then all others land one by one, and it is tried again', async () => {
    let tries = 0;
    const topic = groupTopic({
      landAll: (messages) => {
        if (messages.some(({ key }) => poisonous(key))) throw new Error('a row of bad luck');
      },
      handle: ({ key }) => {
        if (poisonous(key) && ++tries < 3) throw new Error('bad luck');
      },
    });
    const worker = await startHold([topic]);
    const messages = burst(30, 1_500);
    const bad = { ...messages[0], key: poison, cycle: 11 } as (typeof messages)[0];
    const failing = worker.deliver(topic, bad).catch((error) => error);
    await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    expect(await failing).toMatchObject({ message: 'bad luck' });
    for (const { key } of messages.slice(0, 3)) expect(await traces(database.pool, key)).toEqual(once);
    expect(await traces(database.pool, poison)).toEqual(nothing);

    // Temporal's retries; from now on it is landed alone, and no group has to fail for it again.
    const groups = worker.reported.landed.length;
    await expect(worker.deliver(topic, bad)).rejects.toThrow('bad luck');
    const [again] = await Promise.all([bad, ...burst(10, -1)].map((message) => worker.deliver(topic, message)));
    expect(again).toMatchObject({ outcome: 'delivered', cycle: 11 });
    expect(worker.reported.landed.slice(groups).map(([, size]) => size)).toContain(10);
    expect(await traces(database.pool, poison)).toEqual(once);
  });

  it('with a plain handler undoes only itself, in the same transaction as the others', async () => {
    const topic = effectTopic(async (_, { key }) => {
      if (key.endsWith('-bad')) throw new Error('bad luck');
      if (key.endsWith('-gone')) throw new PermanentFailure('no such account');
      return key.endsWith('-paid') ? skip('paid') : done;
    });
    const worker = await startHold([topic]);
    const messages = burst(6, 1_500);
    ['-bad', '-gone', '-paid'].forEach((end, place) => {
      (messages[place] as { key: string }).key += end;
    });
    const answers = await Promise.allSettled(messages.map((message) => worker.deliver(topic, message)));
    expect(answers[0]).toMatchObject({ status: 'rejected', reason: { message: 'bad luck' } });
    const rows = await ledgerOf(messages);
    expect(new Set(rows.map((row) => row.transaction)).size).toBe(1);
    expect(rows.map(({ outcome }) => outcome).sort()).toEqual([
      'delivered',
      'delivered',
      'delivered',
      'failed',
      'skipped',
    ]);
    const [bad, gone, , good] = messages as [{ key: string }, { key: string }, unknown, { key: string }];
    expect(await traces(database.pool, bad.key)).toEqual(nothing);
    expect(await traces(database.pool, gone.key)).toEqual({ effects: 0, decisions: 1, events: 1 });
    expect(await traces(database.pool, good.key)).toEqual(once);
  });

  it.each(['handle', 'landAll'] as const)(
    'whose %s never returns loses nobody, and ends as a time-out',
    async (where) => {
      const never = new Promise<never>(() => undefined);
      const hanging = (key: string) => (key.endsWith('-hangs') ? never : undefined);
      const topic: Topic = {
        ...(where === 'handle'
          ? effectTopic(async (_, { key }) => (await hanging(key)) ?? done)
          : groupTopic({
              landAll: (messages) => Promise.all(messages.map(({ key }) => hanging(key))),
              handle: ({ key }) => hanging(key),
            })),
        handlerTimeoutMs: 400,
      };
      const worker = await startHold([topic]);
      const messages = burst(20, 1_500);
      (messages[7] as { key: string }).key += '-hangs';
      const answers = await Promise.allSettled(messages.map((message) => worker.deliver(topic, message)));
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(19);
      expect(answers[7]).toMatchObject({ reason: { name: 'HandlerTimeout' } });
      expect(await traces(database.pool, messages[7]?.key as string)).toEqual(nothing);
      // A connection that hung with it is gone, not back in the pool with its transaction open.
      const open = `select 1 from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`;
      await eventually(async () => expect((await database.pool.query(open)).rowCount).toBe(0));
    },
  );

  it('whose row somebody keeps locked delays only itself', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic]);
    const messages = burst(20, 1_500);
    const locked = messages[7] as (typeof messages)[0];
    const locker = await database.pool.connect();
    try {
      await locker.query('begin');
      await locker.query(
        `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, late)
         values ($1, $2, $3, 1, 'cancelled', clock_timestamp(), false)`,
        [locked.topic, locked.tenant, locked.key],
      );
      const answers = await Promise.allSettled(messages.map((message) => worker.deliver(topic, message)));
      expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(19);
      expect(answers[7]?.status).toBe('rejected');
    } finally {
      await locker.query('rollback');
      locker.release();
    }
    expect(await worker.deliver(topic, locked)).toMatchObject({ outcome: 'delivered' });
  });

  it('in a payload that no longer fits fails alone', async () => {
    const topic = groupTopic();
    const worker = await startHold([topic]);
    const messages = burst(3, 1_500);
    (messages[1] as { payload: unknown }).payload = { note: 7 };
    const answers = await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    expect(answers.map(({ outcome }) => outcome)).toEqual(['delivered', 'failed', 'delivered']);
  });
});

/** Has the answer of the next landing's commit lost with its connection; the commit itself is done, or not. */
function loseCommit(committed: boolean): void {
  const { pool } = database;
  const connect = pool.connect.bind(pool) as (...given: unknown[]) => Promise<PoolClient>;
  const losing = async (): Promise<PoolClient> => {
    jest.restoreAllMocks();
    const client = await connect();
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    return Object.assign(client, {
      async query(...given: unknown[]) {
        if (!/^commit\b/.test(String(given[0]))) return query(...given);
        if (committed) await query('commit');
        return query('select pg_terminate_backend(pg_backend_pid())');
      },
    });
  };
  // With a callback it is the pool itself that asks, for a statement outside any transaction.
  jest.spyOn(pool, 'connect').mockImplementation((...given: unknown[]) => (given[0] ? connect(...given) : losing()));
}

it.each([
  ['done', true],
  ['not done', false],
])(
  'a group whose commit was %s, and its answer lost, lands once, and every attempt hears of it',
  async (_, committed) => {
    const topic = groupTopic();
    const worker = await startHold([topic]);
    const messages = burst(5, 2_000);
    loseCommit(committed);
    const answers = await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(5).fill('delivered'));
    for (const { key } of messages) expect(await traces(database.pool, key)).toEqual(once);
    expect(worker.errors).toEqual([expect.objectContaining({ message: expect.stringContaining('terminating') })]);
    expect(new Set((await ledgerOf(messages)).map((row) => row.transaction)).size).toBe(committed ? 1 : 5);
  },
);

it('a set-based handler that forgets a message has landed nobody', async () => {
  const forgetful = { ...groupTopic(), landAll: async () => [done] };
  const worker = await startHold([forgetful]);
  const messages = burst(3, 1_500);
  await Promise.all(messages.map((message) => worker.deliver(forgetful, message)));
  // Its own "handle" has landed each; the group's transaction is not there.
  expect(new Set((await ledgerOf(messages)).map((row) => row.transaction)).size).toBe(3);
  expect(worker.errors).toEqual([expect.objectContaining({ message: expect.stringContaining('gave 1 answers to 3') })]);
});

it('a worker that holds as many as it may sends more back to Temporal, and takes what is due', async () => {
  const topic = groupTopic();
  const worker = await startHold([topic], { heldMessages: 2 });
  const messages = burst(3, 1_500, { leadMs: 500 });
  const [one, two, three] = messages.map((message) => worker.deliver(topic, message));
  await expect(three).rejects.toMatchObject({ type: 'PostdateNotDue', nonRetryable: false });
  expect(await Promise.all([one, two])).toMatchObject([{ outcome: 'delivered' }, { outcome: 'delivered' }]);
  expect(await worker.deliver(topic, messages[2] as (typeof messages)[0])).toMatchObject({ outcome: 'delivered' });
});

it('a second attempt finds what is held, and both hear of the one landing', async () => {
  const topic = groupTopic();
  const worker = await startHold([topic]);
  const [message] = burst(1, 800) as [ReturnType<typeof effectMessage>];
  const [first, second] = await Promise.all([worker.deliver(topic, message), worker.deliver(topic, message)]);
  expect(second).toEqual(first);
  expect(worker.reported.landed).toHaveLength(1);
  expect(await traces(database.pool, message.key)).toEqual(once);
});
