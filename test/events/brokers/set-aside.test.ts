import { nanoid } from 'nanoid';
import { publishBatch, publishPast } from '../../../src/events/brokers/publish-batch';
import { type PublishDeps, startPublishing } from '../../../src/events/brokers/publish-loop';
import type { Publisher } from '../../../src/events/brokers/publisher';
import { replayFrom, subscribe } from '../../../src/events/consumer';
import { appendEvents } from '../../../src/events/outbox';
import { relayBatch } from '../../../src/events/relay';
import { listSetAside, sendAgain, skipSetAside } from '../../../src/events/set-aside-orders';
import type { StreamedEvent } from '../../../src/events/stream';
import { pruneOutbox, pruneSetAside } from '../../../src/maintenance/prune';
import { inTransaction } from '../../../src/platform/database/pool';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';

const database = useDatabase();
const TYPE = 'test.happened';

beforeEach(async () => {
  await database.pool.query('truncate postdate.outbox, postdate.consumer, postdate.set_aside');
  await database.pool.query('update postdate.stream_head set position = 0');
});

async function emit(...names: string[]): Promise<void> {
  // As tenant/key#cycle.
  const events = names.map((name) => {
    const [, tenant, key, cycle] = /^(.*)\/(.*)#(.*)$/.exec(name) as unknown as [string, string, string, string];
    return { origin: { topic: 'test.aside', tenant, key, cycle: Number(cycle) }, type: TYPE, data: {} };
  });
  await inTransaction(database.pool, (tx) => appendEvents(tx, events));
  while ((await relayBatch(database.pool)) > 0);
}
const nameOf = ({ event: { subject, cycle } }: StreamedEvent) => `${subject}#${cycle}`;
const idOf = (name: string) => `test.aside:${name.replace('/', ':').replace('#', ':')}:${TYPE}`;

/** A broker that refuses what it is told to, and keeps the rest as it comes. */
function refusing(...refused: string[]) {
  const stored: string[] = [];
  const refuses = new Set(refused);
  const publisher: Publisher = {
    name: `broker-${nanoid()}`,
    connect: async () => undefined,
    async publish(events) {
      const held = new Set<string>();
      return events.flatMap((streamed) => {
        const { subject } = streamed.event;
        if (held.has(subject)) return [];
        if (!refuses.has(nameOf(streamed))) {
          stored.push(nameOf(streamed));
          return [];
        }
        held.add(subject);
        return [{ position: streamed.position, reason: 'it is not to its taste' }];
      });
    },
    close: async () => undefined,
  };
  return { stored, refuses, publisher };
}

async function drain(publisher: Publisher, limit?: number): Promise<void> {
  await subscribe(database.pool, { name: publisher.name, from: 'start' });
  while ((await publishBatch(database.pool, publisher, limit)).taken > 0);
}
const asideOf = async (consumer: string) =>
  (await listSetAside(database.pool, { consumer }, 100)).map(({ eventId, behind }) => [eventId, behind]);

it.each([1, 2, 500])('the order of an entity is kept, others go on, in batches of %i', async (limit) => {
  const { stored, refuses, publisher } = refusing('acme/a#2');
  await emit('acme/a#1', 'acme/a#2', 'globex/a#1', 'acme/b#1', 'acme/a#3', 'globex/a#2', 'acme/a#4');
  await drain(publisher, limit);
  expect(stored).toEqual(['acme/a#1', 'globex/a#1', 'acme/b#1', 'globex/a#2']);
  expect(await asideOf(publisher.name)).toEqual([
    [idOf('acme/a#2'), undefined],
    [idOf('acme/a#3'), 2],
    [idOf('acme/a#4'), 2],
  ]);
  refuses.clear();
  // The control: nothing is sent again that nobody asked for.
  await drain(publisher, limit);
  expect(stored).toHaveLength(4);
  expect(await sendAgain(database.pool, { consumer: publisher.name })).toBe(3);
  await emit('acme/a#5');
  await drain(publisher, limit);
  expect(stored.slice(4)).toEqual(['acme/a#2', 'acme/a#3', 'acme/a#4', 'acme/a#5']);
  expect(await asideOf(publisher.name)).toEqual([]);
});

it('one tenant’s refused events delay no event of another: it comes in the batch in which it comes without them', async () => {
  const [quiet, loud] = [refusing(), refusing('acme/a#1', 'acme/b#1', 'acme/c#1')];
  await emit('globex/a#1', 'globex/a#2');
  await subscribe(database.pool, { name: quiet.publisher.name, from: 'start' });
  expect(await publishBatch(database.pool, quiet.publisher)).toMatchObject({ taken: 2, sent: 2 });
  await subscribe(database.pool, { name: loud.publisher.name, from: 'end' });
  await emit('acme/a#1', 'globex/b#1', 'acme/b#1', 'acme/a#2', 'acme/c#1', 'globex/b#2');
  expect(await publishBatch(database.pool, loud.publisher)).toMatchObject({ taken: 6, sent: 2 });
  expect(loud.stored).toEqual(['globex/b#1', 'globex/b#2']);
});

it('an event that is skipped is never sent, and those behind it are; one behind another cannot be skipped', async () => {
  const { stored, publisher } = refusing('acme/a#1');
  await emit('acme/a#1', 'acme/a#2', 'acme/a#3');
  await drain(publisher);
  const skip = (name: string) =>
    skipSetAside(database.pool, { consumer: publisher.name, eventId: idOf(name), why: 'told by telephone' });
  expect(await skip('acme/a#2')).toBe(false);
  expect(await skip('acme/a#1')).toBe(true);
  expect(await skip('acme/a#1')).toBe(false);
  await drain(publisher);
  expect(stored).toEqual(['acme/a#2', 'acme/a#3']);
  const { rows } = await database.pool.query('select outcome, reason from postdate.set_aside order by position');
  expect(rows).toMatchObject([
    { outcome: 'skipped', reason: 'it is not to its taste; skipped: told by telephone' },
    { outcome: 'sent' },
    { outcome: 'sent' },
  ]);
});

it('a replay sends what was sent and what was skipped, and not what is set aside', async () => {
  const { stored, refuses, publisher } = refusing('acme/a#2', 'acme/b#1');
  await emit('acme/b#1', 'acme/a#1', 'acme/a#2', 'acme/a#3');
  await drain(publisher);
  await skipSetAside(database.pool, { consumer: publisher.name, eventId: idOf('acme/b#1'), why: 'a test' });
  refuses.clear();
  await replayFrom(database.pool, publisher.name, 0);
  await drain(publisher);
  expect(stored).toEqual(['acme/a#1', 'acme/b#1', 'acme/a#1']);
  expect(await asideOf(publisher.name)).toHaveLength(2);
  await sendAgain(database.pool, { eventId: idOf('acme/a#3') });
  await drain(publisher);
  expect(stored.slice(3)).toEqual(['acme/a#2', 'acme/a#3']);
});

it('an event that is set aside outlives its age, until it is sent or its broker is given up', async () => {
  const { publisher } = refusing('acme/a#1');
  await emit('acme/a#1', 'acme/b#1');
  await drain(publisher);
  await database.pool.query(
    `update postdate.outbox set relayed_at = now() - interval '40 days', appended_at = '-infinity'`,
  );
  expect(await pruneOutbox(database.pool, 30)).toBe(1);
  expect(await pruneSetAside(database.pool, 30)).toBe(0);
  await database.pool.query('delete from postdate.consumer');
  expect(await pruneOutbox(database.pool, 30)).toBe(1);
  expect(await pruneSetAside(database.pool, 30)).toBe(1);
});

describe('an event at which a broker fails for no reason of its own', () => {
  /** A broker that is away for some events, or for all. */
  function failing(...names: string[]) {
    const fails = new Set(names);
    const { stored, publisher } = refusing();
    const failingOne: Publisher = {
      ...publisher,
      async publish(events) {
        if (fails.has('all') || events.some((streamed) => fails.has(nameOf(streamed)))) throw new Error('it is away');
        return publisher.publish(events);
      },
    };
    return { stored, fails, publisher: failingOne };
  }
  const hurry = () =>
    database.pool.query('update postdate.set_aside set next_try_at = now() where next_try_at is not null');
  const dueInS = async () =>
    (
      await database.pool.query(
        'select round(extract(epoch from next_try_at - now()))::int as s from postdate.set_aside where behind is null',
      )
    ).rows.map(({ s }) => s);

  it('is set aside while the broker takes others, and is tried again by itself, in order, until it is taken', async () => {
    const { stored, fails, publisher } = failing('acme/a#1');
    const errors: string[] = [];
    const deps: PublishDeps = {
      pool: database.pool,
      log: { warn: () => undefined },
      metrics: { backlog: () => undefined, published: () => undefined },
      onError: (error) => void errors.push((error as Error).message),
    };
    const loop = startPublishing(deps, publisher, 'start');
    try {
      await emit('acme/a#1', 'acme/a#2', 'globex/a#1', 'globex/a#2');
      loop.nudge();
      await eventually(async () => expect(stored).toEqual(['globex/a#1', 'globex/a#2']));
      // The batch of all, and three times the event alone.
      await eventually(async () => expect(errors.length).toBeGreaterThanOrEqual(4));
      await eventually(async () => expect(await asideOf(publisher.name)).toHaveLength(2));
      // Tried again in vain, it holds up nothing that comes.
      await hurry();
      await emit('globex/a#3', 'acme/a#3');
      await eventually(async () => expect(stored).toEqual(['globex/a#1', 'globex/a#2', 'globex/a#3']));
      await eventually(async () => expect(await dueInS()).not.toEqual([]));
      fails.clear();
      await hurry();
      await eventually(async () => expect(stored.slice(3)).toEqual(['acme/a#1', 'acme/a#2', 'acme/a#3']));
    } finally {
      await loop.stop();
    }
  });

  it('is not set aside in an outage: the broker takes no other, or there is none of another message', async () => {
    const { stored, fails, publisher } = failing('all');
    await subscribe(database.pool, { name: publisher.name, from: 'start' });
    await emit('acme/a#1', 'acme/a#2');
    expect(await publishPast(database.pool, publisher, 'x')).toMatchObject({ taken: 0 });
    await emit('globex/a#1');
    await expect(publishPast(database.pool, publisher, 'x')).rejects.toThrow('it is away');
    // The outage ends between the last try and this one.
    fails.clear();
    expect(await publishPast(database.pool, publisher, 'x')).toMatchObject({ taken: 0 });
    expect(await asideOf(publisher.name)).toEqual([]);
    await drain(publisher);
    expect([...new Set(stored)].sort()).toEqual(['acme/a#1', 'acme/a#2', 'globex/a#1']);
  });

  it('is tried again later and later, at most an hour apart', async () => {
    const { publisher } = failing('acme/a#1');
    await subscribe(database.pool, { name: publisher.name, from: 'start' });
    await emit('acme/a#1', 'globex/a#1');
    await publishPast(database.pool, publisher, 'it is away');
    // Each is above the one before by the doubling, however long the test itself takes in between.
    const longest = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600];
    for (const [time, seconds] of longest.entries()) {
      const [pauseS] = await dueInS();
      expect(pauseS).toBeLessThanOrEqual(seconds);
      expect(pauseS).toBeGreaterThan(time === 0 ? 0 : Math.min(longest[time - 1] as number, 2_560));
      await hurry();
      const batch = await publishBatch(database.pool, publisher);
      expect(batch).toMatchObject({ taken: 1, sent: 0, failure: expect.any(Error) });
    }
  });
});

// Each is a payload that a role with rights on the table may have written.
const NO_EVENTS = {
  'a text': '"x"',
  null: 'null',
  'a list': '[]',
  'an empty object': '{}',
  'an event without a source': { source: null },
  'a subject of no tenant': { subject: 'nobody' },
  'a tenant that is an object': { tenant: { toString: 1 } },
  'a cycle that is a text': { cycle: 'one' },
  'a cycle below one': { cycle: 0 },
  'a source of somebody else': { source: '/elsewhere/x' },
  'an id of another type': { id: 7 },
};

it.each(Object.entries(NO_EVENTS))(
  '%s is set aside, holds up nothing, and is sent once it is an event',
  async (_, change) => {
    const { stored, publisher } = refusing();
    await emit('acme/a#1', 'acme/a#2', 'acme/a#3');
    const original = await database.pool.query('select payload from postdate.outbox where position = 2');
    await database.pool.query(
      `update postdate.outbox set payload = case jsonb_typeof($1) when 'object' then payload || $1 else $1 end
      where position = 2`,
      [typeof change === 'string' ? change : JSON.stringify(change)],
    );
    if (change === '{}') await database.pool.query(`update postdate.outbox set payload = '{}' where position = 2`);
    await drain(publisher);
    expect(stored).toEqual(['acme/a#1', 'acme/a#3']);
    const [aside] = await listSetAside(database.pool, {}, 10);
    expect(aside).toMatchObject({
      position: 2,
      eventId: idOf('acme/a#2'),
      reason: expect.stringMatching(/^(no event: |the event is not there)/),
    });
    await database.pool.query('update postdate.outbox set payload = $1 where position = 2', [original.rows[0].payload]);
    expect(await sendAgain(database.pool, {})).toBe(1);
    await drain(publisher);
    expect(stored.at(-1)).toBe('acme/a#2');
  },
);

it('the loop says which event was set aside, counts what was sent, and tries again when it is asked', async () => {
  const { stored, refuses, publisher } = refusing('acme/a#1');
  const [warned, counted, errors]: [object[], number[], unknown[]] = [[], [], []];
  const deps: PublishDeps = {
    pool: database.pool,
    log: { warn: (fields: object) => void warned.push(fields) },
    metrics: { backlog: () => undefined, published: (_, events) => void counted.push(events) },
    onError: (error) => void errors.push(error),
  };
  const loop = startPublishing(deps, publisher, 'start');
  try {
    await emit('acme/a#1', 'acme/a#2', 'acme/b#1');
    loop.nudge();
    await eventually(async () => expect(stored).toEqual(['acme/b#1']));
    await eventually(async () =>
      expect(warned).toEqual([
        { part: `publisher ${publisher.name}`, event: idOf('acme/a#1'), position: 1, reason: 'it is not to its taste' },
      ]),
    );
    refuses.clear();
    await sendAgain(database.pool, {});
    await eventually(async () => expect(stored).toEqual(['acme/b#1', 'acme/a#1', 'acme/a#2']));
    await eventually(async () => expect(counted.reduce((sum, events) => sum + events, 0)).toBe(3));
    expect(errors).toEqual([]);
  } finally {
    await loop.stop();
  }
});
