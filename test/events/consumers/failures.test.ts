import { nanoid } from 'nanoid';
import type { Consumer } from '../../../src/events/consumer';
import { handleRound } from '../../../src/events/handle-round';
import { sendAgain, skipSetAside } from '../../../src/events/set-aside-orders';
import { startConsumer } from '../../../src/events/start-consumer';
import type { StreamedEvent } from '../../../src/events/stream';
import { consumeBatch } from '../../support/consume-batch';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { entitiesByPartition, idOf, nameOf, useListening } from '../../support/listening';

const database = useDatabase();
const { emit, listening, drain, asideOf } = useListening(database);
const aside = (tries: number) => ({ onFailure: { setAsideAfterTries: tries } });
/** Tenants of the test's own. */
const tenants = () => [`acme-${nanoid(6)}`, `globex-${nanoid(6)}`] as [string, string];
/** Those that are to be tried again later are to be tried now. */
const hurry = () =>
  database.pool.query('update postdate.set_aside set next_try_at = clock_timestamp() where next_try_at is not null');
const stoppedOf = async ({ name }: Consumer) =>
  (
    await database.pool.query(
      'select failures, failed_position::int as position, failure from postdate.consumer where $1 in (name, part_of) and failures > 0',
      [name],
    )
  ).rows;

/** A consumer with a set-based handler that keeps the sets it is given. It throws at a set with an event of these names. */
async function listeningToSets(fields: Partial<Consumer> = {}, ...refused: string[]) {
  const sets: string[][] = [];
  const ones = await listening(fields, ...refused);
  ones.consumer.handleAll = async (_tx, streamed: StreamedEvent[]) => {
    const names = streamed.map(nameOf);
    sets.push(names);
    // As a careless one may do.
    for (const { event } of streamed) for (const field of Object.keys(event)) delete (event as never)[field];
    const odd = names.find((name) => ones.refuses.has(name));
    if (odd !== undefined) throw new Error(`a set with ${odd}`);
  };
  return { ...ones, sets };
}

it('a set-based consumer is given the events of a batch at once, in order', async () => {
  const [acme] = tenants();
  const names = [1, 2, 3].flatMap((cycle) => [`${acme}/a#${cycle}`, `${acme}/b#${cycle}`]);
  const { sets, seen, consumer } = await listeningToSets();
  await emit(...names);
  expect(await consumeBatch(database.pool, consumer, 4)).toBe(4);
  expect(await consumeBatch(database.pool, consumer, 4)).toBe(2);
  expect(sets).toEqual([names.slice(0, 4), names.slice(4)]);
  expect(seen).toEqual([]);
});

it('a set that fails leaves nothing, and its events are handled one by one, so that the odd one is found', async () => {
  await database.pool.query('create table set_effect (name text, event text)');
  const [acme] = tenants();
  const names = [`${acme}/a#1`, `${acme}/b#1`, `${acme}/b#2`, `${acme}/c#1`];
  const { sets, refuses, seen, consumer } = await listeningToSets(aside(1), `${acme}/b#1`);
  const { handleAll } = consumer;
  consumer.handleAll = async (tx, streamed) => {
    for (const one of streamed) await tx.query('insert into set_effect values ($1, $2)', [consumer.name, nameOf(one)]);
    await handleAll?.(tx, streamed);
  };
  const effects = async () =>
    (await database.pool.query('select event from set_effect where name = $1', [consumer.name])).rows;
  await emit(...names);
  await drain(consumer);
  expect(seen).toEqual([names[0], names[3]]);
  expect(await effects()).toEqual([]);
  expect(await asideOf(consumer)).toEqual([
    [idOf(`${acme}/b#1`), '1 tries'],
    [idOf(`${acme}/b#2`), 'behind'],
  ]);
  expect(sets).toEqual([names]);

  // The next ones are a set again, but for those that wait behind the odd one.
  await emit(`${acme}/b#3`, `${acme}/c#2`, `${acme}/a#2`);
  await drain(consumer);
  expect(sets.slice(1)).toEqual([[`${acme}/c#2`, `${acme}/a#2`]]);
  expect(await effects()).toHaveLength(2);
  refuses.clear();
  expect(await sendAgain(database.pool, { consumer: consumer.name })).toBe(3);
  await drain(consumer);
  expect(seen.slice(2)).toEqual([`${acme}/b#1`, `${acme}/b#2`, `${acme}/b#3`]);
});

it('a set-based consumer that stops keeps what comes before the odd event, and goes on with it once it can', async () => {
  const [acme] = tenants();
  const names = ['a', 'b', 'c'].map((key) => `${acme}/${key}#1`);
  const { sets, refuses, seen, consumer } = await listeningToSets({}, names[1] as string);
  await emit(...names);
  await expect(drain(consumer)).rejects.toThrow(`not ${names[1]}`);
  expect(seen).toEqual([names[0]]);
  await expect(drain(consumer)).rejects.toThrow(`not ${names[1]}`);
  refuses.clear();
  await drain(consumer);
  expect(seen).toEqual(names);
  await emit(`${acme}/a#2`, `${acme}/b#2`);
  await drain(consumer);
  expect(sets).toEqual([names, [`${acme}/a#2`, `${acme}/b#2`]]);
});

it('the loop reports a set that fails although each of its events can be handled alone', async () => {
  const [acme] = tenants();
  const { seen, consumer } = await listening();
  consumer.handleAll = () => Promise.reject(new Error('no sets today'));
  await emit(`${acme}/a#1`, `${acme}/b#1`);
  const errors: unknown[] = [];
  const loop = startConsumer(database.pool, consumer, { onError: (error) => errors.push(error), pauseMs: 5 });
  try {
    await eventually(async () => expect(seen).toEqual([`${acme}/a#1`, `${acme}/b#1`]));
  } finally {
    await loop.stop();
  }
  expect(errors.map((error) => (error as Error).message)).toEqual(['no sets today']);
});

it('an event is set aside, tried again by itself as often as was asked for, then left to an operator, and played in order', async () => {
  const [acme, globex] = tenants();
  const { refuses, seen, consumer } = await listening(aside(3), `${acme}/a#2`);
  await emit(`${acme}/a#1`, `${acme}/a#2`, `${globex}/a#1`, `${acme}/a#3`);
  await drain(consumer);
  expect(seen).toEqual([`${acme}/a#1`, `${globex}/a#1`]);
  expect(await asideOf(consumer)).toEqual([
    [idOf(`${acme}/a#2`), '1 tries'],
    [idOf(`${acme}/a#3`), 'behind'],
  ]);
  // The control: not before its time.
  expect(await consumeBatch(database.pool, consumer)).toBe(0);
  for (const tries of [2, 3]) {
    await hurry();
    await drain(consumer);
    expect((await asideOf(consumer))[0]).toEqual([idOf(`${acme}/a#2`), `${tries} tries`]);
  }
  await hurry();
  expect(await consumeBatch(database.pool, consumer)).toBe(0);

  await emit(`${acme}/a#4`);
  refuses.clear();
  expect(await sendAgain(database.pool, { consumer: consumer.name })).toBe(2);
  await drain(consumer);
  expect(seen.slice(2)).toEqual([`${acme}/a#2`, `${acme}/a#3`, `${acme}/a#4`]);
  expect(await asideOf(consumer)).toEqual([]);
});

it('one that can be handled at a later try needs no operator, and those behind it follow', async () => {
  const [acme] = tenants();
  const { refuses, seen, consumer } = await listening(aside(3), `${acme}/a#1`);
  await emit(`${acme}/a#1`, `${acme}/a#2`);
  await drain(consumer);
  refuses.clear();
  refuses.add(`${acme}/a#2`);
  await hurry();
  await drain(consumer);
  expect(seen).toEqual([`${acme}/a#1`]);
  expect(await asideOf(consumer)).toEqual([[idOf(`${acme}/a#2`), '1 tries']]);
  refuses.clear();
  await hurry();
  await drain(consumer);
  expect(seen).toEqual([`${acme}/a#1`, `${acme}/a#2`]);
});

it('one tenant’s flood of events that cannot be handled delays no event of another: it comes in the same batch', async () => {
  const batches = async (flood: number) => {
    const [acme, globex] = tenants();
    const odd = Array.from({ length: flood }, (_, at) => `${acme}/k${at}#1`);
    const { seen, consumer } = await listening(aside(5), ...odd);
    const names = Array.from({ length: 60 }, (_, at) => odd[at] ?? `${acme}/fine${at}#1`);
    await emit(...names, `${globex}/a#1`);
    let needed = 0;
    while (!seen.includes(`${globex}/a#1`)) needed += (await consumeBatch(database.pool, consumer, 20)) > 0 ? 1 : 100;
    expect(await asideOf(consumer)).toHaveLength(flood);
    return needed;
  };
  // The control: it takes them four batches without any odd event.
  expect(await batches(0)).toBe(4);
  expect(await batches(19)).toBe(4);
  expect(await batches(60)).toBe(4);
});

it('one tenant’s flood of slow events delays no event in another partition', async () => {
  const [acme, globex] = tenants();
  const [slow] = entitiesByPartition(acme, 2, 30)[0] as [string];
  const quick = (entitiesByPartition(globex, 2, 1)[1] as [string])[0];
  const flood = Array.from({ length: 30 }, (_, at) => `${slow}#${at + 1}`);
  const delayed = async (partitions: number) => {
    let started = false;
    let over: () => void = () => undefined;
    const { seen, consumer } = await listening({ partitions });
    const { handle } = consumer;
    const first = new Promise<void>((resolve) => {
      over = resolve;
    });
    consumer.handle = async (tx, streamed) => {
      if (nameOf(streamed).startsWith(`${slow}#`)) {
        started = true;
        await first;
      }
      await handle(tx, streamed);
    };
    await emit(...flood.splice(0), ...(partitions === 1 ? [`${slow}#31`] : []), `${quick}#${partitions}`);
    const workers = [1, 2].map(() => handleRound(database.pool, consumer, { patient: false }));
    await eventually(async () => expect(started).toBe(true));
    // The other one comes back: from the other partition, or with nothing.
    await Promise.race(workers);
    const came = seen.includes(`${quick}#${partitions}`);
    over();
    await Promise.all(workers);
    return !came;
  };
  expect(await delayed(2)).toBe(false);
  // The control: with one partition it waits.
  expect(await delayed(1)).toBe(true);
});

it('when no event can be handled, none is set aside before they have been tried as often as was asked for', async () => {
  const [acme, globex] = tenants();
  const names = [`${acme}/a#1`, `${acme}/b#1`, `${globex}/a#1`];
  const { refuses, seen, consumer } = await listening(aside(3), ...names);
  await emit(...names);
  for (const tries of [1, 2]) {
    await expect(consumeBatch(database.pool, consumer)).rejects.toThrow(`not ${names[0]}`);
    expect(await asideOf(consumer)).toEqual([]);
    expect(await stoppedOf(consumer)).toMatchObject([{ failures: tries, failure: `not ${names[0]}` }]);
  }
  // A loop leaves it alone for a moment.
  expect(await handleRound(database.pool, consumer, { patient: true })).toBeUndefined();
  // One of them can be handled: the others are the cause.
  refuses.delete(names[2] as string);
  expect(await consumeBatch(database.pool, consumer)).toBe(3);
  expect(seen).toEqual([names[2]]);
  expect(await asideOf(consumer)).toHaveLength(2);
  expect(await stoppedOf(consumer)).toEqual([]);

  // Of one tenant, too, if none but it waits.
  const alone = await listening(aside(2), `${acme}/x#1`, `${acme}/y#1`);
  await emit(`${acme}/x#1`, `${acme}/y#1`);
  await expect(consumeBatch(database.pool, alone.consumer)).rejects.toThrow(`not ${acme}/x#1`);

  const other = await listening(aside(2), `${acme}/a#2`, `${globex}/b#2`);
  await emit(`${acme}/a#2`, `${globex}/b#2`);
  await expect(consumeBatch(database.pool, other.consumer)).rejects.toThrow(`not ${acme}/a#2`);
  expect(await consumeBatch(database.pool, other.consumer)).toBe(2);
  expect(await asideOf(other.consumer)).toHaveLength(2);
});

it.each([
  ['one by one', false],
  ['as a set', true],
])(
  'an event at which the listener hangs, %s, is set aside; what comes before and after it is handled once',
  async (_, asSet) => {
    const [acme] = tenants();
    const names = ['a', 'b', 'c', 'd'].map((key) => `${acme}/${key}#1`);
    const hangs = names[2] as string;
    const { seen, refuses, consumer } = await listening(aside(2));
    await database.pool.query('create table if not exists hung (name text, event text)');
    const { handle } = consumer;
    let hung = 0;
    refuses.add(hangs);
    const work: Consumer['handle'] = async (tx, streamed) => {
      await tx.query('insert into hung values ($1, $2)', [consumer.name, nameOf(streamed)]);
      if (!refuses.has(nameOf(streamed))) return handle(tx, streamed);
      hung += 1;
      // In place of the twenty seconds of every connection.
      await tx.query("set local idle_in_transaction_session_timeout = '100ms'");
      return new Promise(() => undefined);
    };
    consumer.handle = work;
    if (asSet) {
      consumer.handleAll = async (tx, streamed) => {
        for (const one of streamed) await work(tx, one);
      };
    }
    await emit(...names);
    for (let tries = 0; tries < (asSet ? 2 : 1); tries += 1) await expect(drain(consumer)).rejects.toThrow();
    await drain(consumer);
    const effects = async () =>
      (await database.pool.query('select event from hung where name = $1', [consumer.name])).rows.map(
        ({ event }) => event,
      );
    expect(await effects()).toEqual([names[0], names[1], names[3]]);
    expect(await asideOf(consumer)).toEqual([[idOf(hangs), '1 tries']]);
    expect(hung).toBe(asSet ? 2 : 1);

    // Tried again, it delays nothing behind it for more than that, and is left to an operator.
    await hurry();
    await expect(drain(consumer)).rejects.toThrow();
    await emit(`${acme}/e#1`);
    await drain(consumer);
    expect((await effects()).at(-1)).toBe(`${acme}/e#1`);
    expect(await asideOf(consumer)).toEqual([[idOf(hangs), '2 tries']]);
    await hurry();
    expect(await consumeBatch(database.pool, consumer)).toBe(0);
    refuses.clear();
    await sendAgain(database.pool, { consumer: consumer.name });
    await drain(consumer);
    expect((await effects()).at(-1)).toBe(hangs);
    expect(await effects()).toHaveLength(5);
    expect(seen).toContain(hangs);
  },
);

it('a listener that stops and hangs keeps what comes before the event', async () => {
  const [acme] = tenants();
  const { seen, consumer } = await listening();
  const { handle } = consumer;
  await database.pool.query('create table stood (name text, event text)');
  consumer.handle = async (tx, streamed) => {
    await tx.query('insert into stood values ($1, $2)', [consumer.name, nameOf(streamed)]);
    if (nameOf(streamed) !== `${acme}/b#1`) return handle(tx, streamed);
    await tx.query("set local idle_in_transaction_session_timeout = '100ms'");
    return new Promise(() => undefined);
  };
  await emit(`${acme}/a#1`, `${acme}/b#1`, `${acme}/c#1`);
  await expect(drain(consumer)).rejects.toThrow();
  await expect(drain(consumer)).rejects.toThrow();
  const { rows } = await database.pool.query('select event from stood where name = $1', [consumer.name]);
  expect(rows).toEqual([{ event: `${acme}/a#1` }]);
  expect(seen.at(-1)).toBe(`${acme}/a#1`);
  expect(await stoppedOf(consumer)).toMatchObject([{ failures: 2 }]);
});

it('a listener that swallows the error of a statement fails at its own event only', async () => {
  const [acme] = tenants();
  const { seen, consumer } = await listening(aside(1));
  const { handle } = consumer;
  consumer.handle = async (tx, streamed) => {
    if (nameOf(streamed) === `${acme}/b#1`) await tx.query('select 1 / 0').catch(() => undefined);
    else await handle(tx, streamed);
  };
  await emit(`${acme}/a#1`, `${acme}/b#1`, `${acme}/c#1`);
  await drain(consumer);
  expect(seen).toEqual([`${acme}/a#1`, `${acme}/c#1`]);
  expect(await asideOf(consumer)).toEqual([[idOf(`${acme}/b#1`), '1 tries']]);
});

it('a row that holds no event any more still holds up those behind it when it is played again', async () => {
  const [acme] = tenants();
  const { seen, refuses, consumer } = await listening(aside(1), `${acme}/a#1`);
  await emit(`${acme}/a#1`, `${acme}/a#2`);
  await drain(consumer);
  const write = (change: object) =>
    database.pool.query('update postdate.outbox set payload = payload || $2 where id = $1', [
      idOf(`${acme}/a#1`),
      JSON.stringify(change),
    ]);
  await write({ source: null });
  refuses.clear();
  await sendAgain(database.pool, { consumer: consumer.name });
  await drain(consumer);
  expect(seen).toEqual([]);
  await write({ source: '/postdate/test.listening' });
  await sendAgain(database.pool, { consumer: consumer.name });
  await drain(consumer);
  expect(seen).toEqual([`${acme}/a#1`, `${acme}/a#2`]);
});

it('an event that a consumer has stopped at is skipped by an operator, that one only, and those behind it are handled', async () => {
  const [acme] = tenants();
  const names = ['a#1', 'a#2', 'b#1'].map((name) => `${acme}/${name}`);
  const { seen, consumer } = await listening({ partitions: 2 }, names[0] as string);
  const skip = (name: string) =>
    skipSetAside(database.pool, { consumer: consumer.name, eventId: idOf(name), why: 'told by telephone' });
  await emit(...names);
  expect(await skip(names[0] as string)).toBe(false);
  for (const _ of [1, 2]) await expect(drain(consumer)).rejects.toThrow(`not ${names[0]}`);
  expect(await skip(names[1] as string)).toBe(false);
  expect(await skip(names[0] as string)).toBe(true);
  await drain(consumer);
  expect([...seen].sort()).toEqual(names.slice(1));
  expect(await stoppedOf(consumer)).toEqual([]);
  const { rows } = await database.pool.query('select outcome, reason from postdate.set_aside where consumer = $1', [
    consumer.name,
  ]);
  expect(rows).toEqual([{ outcome: 'skipped', reason: `not ${names[0]}; skipped: told by telephone` }]);
});
