import { cancelIn, moveIn, scheduleIn } from '../../../src/client';
import { inTransaction } from '../../../src/platform/database/pool';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import type { Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import {
  dispatchAll,
  post,
  refOf,
  startTestDispatcher,
  type TestDispatcher,
  postedTopic as topic,
} from '../../support/dispatching';
import { eventually } from '../../support/eventually';
import { useTemporal } from '../../support/temporal';

// First, so that servers end after it.
const stopping: Promise<void>[] = [];
afterAll(() => Promise.all(stopping));

// No worker runs here: a cancel of a message that waits has no answer for ten seconds.
const temporal = useTemporal();
const database = useDatabase();
beforeAll(() => registerTopics(database.pool, [topic]));
beforeEach(() => database.pool.query('truncate postdate.command'));

const rows = async <Row extends object>(text: string, values: unknown[] = []) =>
  (await database.pool.query<Row>(text, values)).rows;
type Message = ReturnType<typeof post>;
const postAll = (messages: Message[]) =>
  inTransaction(database.pool, async (tx) => {
    for (const message of messages) await scheduleIn(tx, message);
  });
const many = (count: number, fields = {}) => Array.from({ length: count }, () => post(fields));
const SOON_MS = 5_000;
const soon = (fields = {}) => post({ dueAt: Date.now() + SOON_MS, ...fields });

const withDispatcher = async (
  work: (dispatcher: TestDispatcher) => Promise<void>,
  { perSecond = 20, topics = [topic] as Topic[], weights = {}, hangs = false } = {},
) => {
  const dispatcher = startTestDispatcher({ ...database, client: temporal.client }, topics, { perSecond, weights });
  try {
    await work(dispatcher);
  } finally {
    stopping.push(dispatcher.stop());
    // It waits for its calls, and those that hang take ten seconds.
    if (!hangs) await stopping.at(-1);
  }
};
const dispatched = (message: Message) =>
  eventually(async () =>
    expect(
      await rows('select 1 from postdate.command where key = $1 and dispatched_at is null', [message.key]),
    ).toEqual([]),
  );
/**
 * How many commands a dispatcher took between the post of this message and its own. A claim lasts for a minute from when
 * it was taken, and an answer leaves that as it was.
 */
const before = async ({ key }: Message) => {
  const [found] = await rows<{ commands: number }>(
    `select count(*)::int as commands from postdate.command as other join postdate.command as mine on mine.key = $1
      where other.key <> $1 and other.tries > 0 and other.next_try_at < mine.next_try_at
        and other.next_try_at > mine.posted_at + interval '60 s'`,
    [key],
  );
  return found?.commands ?? Number.NaN;
};

// A claim takes two of twenty a second. As many as may be taken while a busy machine looks for what is due soon.
const NEXT = 24;
const BULK = 120;

it.each([
  ['far off', () => many(BULK, { tenant: 'bulk' })],
  ['due as soon', () => many(BULK, { tenant: 'bulk', dueAt: Date.now() + SOON_MS })],
  // By turns of tenants alone, the next one would come after all of them.
  ['of as many tenants, far off', () => Array.from({ length: BULK }, (_, nth) => post({ tenant: `bulk-${nth}` }))],
])('what is due soon does not wait for the many of others: %s', async (_what, bulk) => {
  await postAll(bulk());
  await withDispatcher(async () => {
    await eventually(async () =>
      expect((await rows('select 1 from postdate.command where answer is not null')).length).toBeGreaterThan(0),
    );
    // The last in the order of tenants.
    const mine = soon({ tenant: 'zenith' });
    await postAll([mine]);
    await dispatched(mine);
    expect(await before(mine)).toBeLessThanOrEqual(NEXT);
    // The control: the others were waiting all the time.
    expect((await rows('select 1 from postdate.command where answer is null')).length).toBeGreaterThan(BULK / 4);
  });
});

it('what is far off takes its turn beside another tenant that always has what is due soon', async () => {
  await postAll(many(BULK, { tenant: 'always', dueAt: Date.now() + SOON_MS }));
  const mine = post();
  await postAll([mine]);
  await withDispatcher(async () => {
    await dispatched(mine);
    // One claim in five, of two commands.
    expect(await before(mine)).toBeLessThanOrEqual(5 * 2 + NEXT);
  });
});

it("another tenant's poison delays nobody, and is not taken for an outage of Temporal", async () => {
  const newer: Topic = {
    ...topic,
    payloadVersion: 2,
    upcasts: [
      (payload) => {
        if ((payload as { note: string }).note === 'poison') throw new Error('poison');
        return payload;
      },
    ],
  };
  await postAll(many(BULK, { tenant: 'poison', payload: { note: 'poison' } }));
  await withDispatcher(
    async ({ errors }) => {
      await eventually(async () => expect(errors.length).toBeGreaterThan(10));
      const failures = errors.length;
      const mine = many(20);
      await postAll(mine);
      for (const message of mine) await dispatched(message);
      // The control: it went on failing, and none of it is answered.
      expect(errors.length).toBeGreaterThan(failures);
      expect(await rows(`select 1 from postdate.command where tenant = 'poison' and answer is not null`)).toEqual([]);
      expect(errors.every((error) => (error as Error).message === 'poison')).toBe(true);
    },
    { topics: [newer], perSecond: 200 },
  );
});

it('a tenant with a weight has so many in each turn', async () => {
  const BIG = 40;
  await postAll([...many(BIG, { tenant: 'big' }), ...many(BIG, { tenant: 'small' })]);
  const answered = (tenant: string) =>
    rows('select 1 from postdate.command where tenant = $1 and answer is not null', [tenant]);
  await withDispatcher(
    async () => {
      await eventually(async () => expect((await answered('big')).length).toBe(BIG));
    },
    { perSecond: 50, weights: { big: 4 } },
  );
  const [ahead] = await rows<{ small: number }>(
    `select count(*)::int as small from postdate.command
      where tenant = 'small' and tries > 0
        and next_try_at < (select max(next_try_at) from postdate.command where tenant = 'big')`,
  );
  expect(ahead?.small).toBeGreaterThanOrEqual(BIG / 4 - 5);
  expect(ahead?.small).toBeLessThanOrEqual(BIG / 4 + 5);
});

it("of one tenant, cancels and what is due soon go before its many, each message's commands in their order", async () => {
  const all = many(BULK);
  await postAll(all);
  const [cancelled, moved] = all.slice(-2) as [Message, Message];
  const mine = soon();
  await inTransaction(database.pool, async (tx) => {
    await cancelIn(tx, refOf(cancelled), { commandId: 'cancel' });
    await moveIn(tx, refOf(moved), { dueAt: Date.now() + SOON_MS, commandId: 'move' });
    await scheduleIn(tx, mine);
  });
  await withDispatcher(
    async () => {
      for (const message of [mine, cancelled, moved]) {
        await eventually(async () => {
          const waiting = 'select 1 from postdate.command where key = $1 and claimed_by is null and answer is null';
          expect(await rows(waiting, [message.key])).toEqual([]);
        });
      }
      const keys = [mine, cancelled, moved].map(({ key }) => key);
      const [ahead] = await rows<{ commands: number }>(
        `select count(*)::int as commands from postdate.command as other
          where key <> all($1) and tries > 0
            and next_try_at < (select max(next_try_at) from postdate.command where key = any($1) and tries > 0)`,
        [keys],
      );
      // Those that took the places that are for all.
      expect(ahead?.commands).toBeLessThanOrEqual(NEXT);
      const early = `select 1 from postdate.command as one join postdate.command as later using (topic, tenant, key)
                    where later.seq > one.seq and later.tries > 0 and one.answer is null`;
      expect(await rows(early)).toEqual([]);
    },
    { hangs: true },
  );
});

it("another tenant's calls that hang delay nobody, and take half of the places at most", async () => {
  const hanging = many(70, { tenant: 'hangs' });
  await postAll(hanging);
  await dispatchAll({ ...database, client: temporal.client }, [topic]);
  await inTransaction(database.pool, async (tx) => {
    for (const message of hanging) await cancelIn(tx, refOf(message));
  });
  const inHand = () => rows(`select 1 from postdate.command where tenant = 'hangs' and claimed_by is not null`);
  await withDispatcher(
    async () => {
      await eventually(async () => expect((await inHand()).length).toBe(50));
      const mine = many(30, { dueAt: Date.now() + SOON_MS });
      await postAll(mine);
      for (const message of mine) await dispatched(message);
      // The control: they hang, and those that may not be tried yet wait.
      const unanswered = `select 1 from postdate.command where tenant = 'hangs' and what = 'cancel' and answer is null`;
      expect((await rows(unanswered)).length).toBe(70);
    },
    { perSecond: 1_000, hangs: true },
  );
});
