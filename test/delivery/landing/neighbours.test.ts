import { setTimeout as pause } from 'node:timers/promises';
import { done, type Topic } from '../../../src/topics/topic';
import { useDatabase } from '../../support/database';
import { effectMessage, effectsSchema, effectTopic, groupTopic, traces } from '../../support/effects';
import { eventually } from '../../support/eventually';
import { useHolds } from '../../support/hold';

const database = useDatabase(effectsSchema);
const startHold = useHolds(database);

const once = { effects: 1, decisions: 1, events: 1 };
const many = (count: number, dueAt: number, tenant: string) =>
  Array.from({ length: count }, () => effectMessage(0, { dueAt, tenant }));

/** How many landings of these messages were before the one of `key`, and how many messages each landing had. */
async function landings(keys: string[], key: string): Promise<{ before: number; sizes: number[] }> {
  const { rows } = await database.pool.query<{ keys: string[] }>(
    `select array_agg(key) as keys from postdate.delivery where key = any($1) group by xmin order by min(decided_at)`,
    [keys],
  );
  return { before: rows.findIndex((row) => row.keys.includes(key)), sizes: rows.map((row) => row.keys.length) };
}

describe('a tenant with one message, beside a tenant with very many in the same topic', () => {
  // Two groups land at a time, and the second may be the first to claim.
  const FIRST = 1;

  it.each([
    ['without a rate limit', groupTopic(), 20],
    ['with one', groupTopic({}, { landingsPerSecond: 200 }), 500],
  ])('%s, lands with the first group of its instant, as it does by itself', async (_, topic, groupSize) => {
    const worker = await startHold([topic], { groupSize });
    const landed = async (others: number): Promise<number> => {
      const dueAt = Date.now() + 1_000;
      const [one] = many(1, dueAt, 'globex') as [ReturnType<typeof effectMessage>];
      // The one wakes last.
      const messages = [...many(others, dueAt, 'acme'), one];
      await Promise.all(messages.map((message) => worker.deliver(topic, message)));
      const keys = messages.map(({ key }) => key);
      const { before, sizes } = await landings(keys, one.key);
      // The control: they were not all in one.
      expect(sizes.length).toBeGreaterThan(others === 0 ? 0 : 8);
      return before;
    };
    expect(await landed(0)).toBe(0);
    expect(await landed(200)).toBeLessThanOrEqual(FIRST);
  });

  it('has its turn also when it comes due behind a backlog of the other', async () => {
    const topic = groupTopic({}, { landingsPerSecond: 50 });
    const worker = await startHold([topic]);
    const dueAt = Date.now() + 500;
    const [one] = many(1, dueAt + 300, 'globex') as [ReturnType<typeof effectMessage>];
    const messages = [...many(80, dueAt, 'acme'), one];
    await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    const keys = messages.map(({ key }) => key);
    const { before, sizes } = await landings(keys, one.key);
    expect(sizes.length).toBeGreaterThanOrEqual(16);
    // In 0.3 s the other had three groups of five, and two more may be on their way.
    expect(before).toBeLessThan(sizes.length / 2);
  });
});

describe('a tenant at whose messages the handler hangs', () => {
  it.each(['handle', 'landAll'] as const)(
    'in %s, has its next ones landed apart: a message of another tenant is the first to land, as by itself',
    async (where) => {
      const never = new Promise<never>(() => undefined);
      const work = async ({ tenant }: { tenant: string }) => (tenant === 'acme' ? never : undefined);
      const topic: Topic = {
        ...(where === 'handle'
          ? effectTopic(async (_, message) => (await work(message)) ?? done)
          : groupTopic({ landAll: (messages) => Promise.all(messages.map(work)), handle: work })),
        handlerTimeoutMs: 400,
      };
      const worker = await startHold([topic]);
      await expect(worker.deliver(topic, effectMessage(-1))).rejects.toMatchObject({ name: 'HandlerTimeout' });
      const ended: string[] = [];
      const dueAt = Date.now() + 300;
      const messages = [...many(6, dueAt, 'acme'), ...many(1, dueAt, 'globex')];
      await Promise.all(
        messages.map((message) =>
          worker
            .deliver(topic, message)
            .catch((error) => expect(error).toMatchObject({ name: 'HandlerTimeout' }))
            .finally(() => ended.push(message.tenant)),
        ),
      );
      expect(ended[0]).toBe('globex');
      expect(ended).toHaveLength(7);
    },
  );
});

describe('a topic whose handlers do not come back for long', () => {
  it.each([
    ['in groups', (topic: Topic): Topic => topic],
    [
      'alone, after their groups have failed',
      (topic: Topic): Topic => ({ ...topic, landAll: () => Promise.reject(new Error('a row of bad luck')) }),
    ],
  ])('leaves the others their transactions: those land %s, as they do by themselves', async (_, landing) => {
    let goOn: (() => void) | undefined;
    const released = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let handled = 0;
    const slow = ['test.slow', 'test.slower'].map(
      (name): Topic => ({
        ...landing(
          effectTopic(async () => {
            handled += 1;
            await released;
            return done;
          }),
        ),
        name,
        handlerTimeoutMs: 20_000,
      }),
    );
    const quick = landing(effectTopic());
    const worker = await startHold([...slow, quick], { groupSize: 1 });
    const alone = effectMessage(0);
    await worker.deliver(quick, alone);
    const waiting = slow.flatMap((topic) =>
      many(12, Date.now(), 'acme').map((message) => ({ topic, message: { ...message, topic: topic.name } })),
    );
    const slows = waiting.map(({ topic, message }) => worker.deliver(topic, message));
    // Each takes what it may have.
    await eventually(async () => expect(handled).toBeGreaterThanOrEqual(3));
    const beside = effectMessage(0);
    await worker.deliver(quick, beside);
    expect(await traces(database.pool, beside.key)).toEqual(await traces(database.pool, alone.key));
    const keys = waiting.map(({ message }) => message.key);
    expect((await database.pool.query('select 1 from postdate.delivery where key = any($1)', [keys])).rowCount).toBe(0);
    goOn?.();
    expect(await Promise.all(slows)).toHaveLength(24);
    // None of them had to be broken off for the one beside them.
    expect(worker.errors.map((error) => (error as Error).name)).not.toContain('HandlerTimeout');
    expect(await traces(database.pool, beside.key)).toEqual(once);
  });

  it('has small groups, by measured time: each is seen half a second later, and nothing is handled twice', async () => {
    const topic = effectTopic(async () => {
      await pause(200);
      return done;
    });
    const worker = await startHold([topic]);
    const messages = many(8, Date.now() + 500, 'acme');
    await Promise.all(messages.map((message) => worker.deliver(topic, message)));
    const { sizes } = await landings(
      messages.map(({ key }) => key),
      '',
    );
    // The third begins before half a second is over, and ends after it.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    for (const { key } of messages)
      expect(await traces(database.pool, key)).toMatchObject({ effects: 1, decisions: 1 });
    expect(worker.errors).toEqual([]);
  });
});
