import { nanoid } from 'nanoid';
import { type Consumer, defineConsumer, replayFrom, subscribe } from '../../../src/events/consumer';
import { handleRound } from '../../../src/events/handle-round';
import { divide, pruneFormerPartitions } from '../../../src/events/partition-change';
import { countPassed } from '../../../src/events/partition-rows';
import { partitionOf } from '../../../src/events/partitions';
import { startConsumer } from '../../../src/events/start-consumer';
import { pruneOutbox } from '../../../src/maintenance/prune';
import { createSemaphore } from '../../../src/platform/loops/semaphore';
import { consumeBatch } from '../../support/consume-batch';
import { useDatabase } from '../../support/database';
import { eventually } from '../../support/eventually';
import { entitiesByPartition, entityOfName, nameOf, partitionOfEntity, useListening } from '../../support/listening';

const database = useDatabase();
const { emit, listening, drain, asideOf } = useListening(database);
const onError = (error: unknown) => {
  throw error;
};
/** Two entities for each of these partitions, of a tenant of the test's own. */
const entities = (partitions: number, each = 2) => entitiesByPartition(nanoid(8), partitions, each);
const cycles = (entity: string, ...of: number[]) => of.map((cycle) => `${entity}#${cycle}`);
function pausing() {
  let resume: () => void = () => undefined;
  const paused = new Promise<void>((resolve) => {
    resume = resolve;
  });
  return { paused, resume };
}
const formerOf = async ({ name }: Consumer) =>
  (await database.pool.query('select positions from postdate.former_partitions where consumer = $1', [name])).rows;
/** One try finds out which partition stops, the next one comes to the others first. */
async function stopsAt(consumer: Consumer, name: string): Promise<void> {
  for (const _ of [1, 2]) await expect(drain(consumer)).rejects.toThrow(`not ${name}`);
}
const ofEntity = (names: string[], entity: string) => names.filter((name) => name.startsWith(`${entity}#`));

it('an entity is always in the same partition, on every machine', async () => {
  const names = Array.from({ length: 50 }, () => `${nanoid()}/ключ-${nanoid()}#1`);
  for (const partitions of [1, 2, 7, 256]) {
    const { rows } = await database.pool.query(
      `select (${partitionOf('entity', '$2::integer')})::integer as place
         from unnest($1::text[]) with ordinality as given (entity, nr) order by nr`,
      [names.map(entityOfName), partitions],
    );
    expect(rows.map(({ place }) => place)).toEqual(
      names.map((name) => partitionOfEntity(entityOfName(name), partitions)),
    );
  }
});

it('processes of one name handle events of different partitions at the same time, and none of one partition', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const [calls, release]: [string[], (() => void)[]] = [[], []];
  const { consumer } = await listening({
    partitions: 2,
    async handle(_tx, streamed) {
      calls.push(nameOf(streamed));
      await new Promise<void>((resolve) => release.push(resolve));
    },
  });
  await emit(...cycles(one, 1), ...cycles(other, 1));
  const rounds = [1, 2].map(() => handleRound(database.pool, consumer, { patient: false }));
  await eventually(async () => expect(calls.sort()).toEqual([...cycles(one, 1), ...cycles(other, 1)].sort()));
  // More of a partition that is taken: no other process takes it.
  await emit(...cycles(one, 2), ...cycles(other, 2));
  expect(await handleRound(database.pool, consumer, { patient: false })).toBeUndefined();
  for (const resolve of release.splice(0)) resolve();
  await Promise.all(rounds);
  const rest = drain(consumer);
  await eventually(async () => {
    for (const resolve of release.splice(0)) resolve();
    expect(calls).toHaveLength(4);
  });
  await rest;
  for (const entity of [one, other]) expect(ofEntity(calls, entity)).toEqual(cycles(entity, 1, 2));
});

it('a partition whose process dies in the middle goes on in another, with each effect once', async () => {
  await database.pool.query('create table died (name text, event text)');
  const [[one], [other]] = entities(2) as [[string], [string]];
  let dying = true;
  const { consumer } = await listening({
    partitions: 2,
    async handle(tx, streamed) {
      await tx.query('insert into died values ($1, $2)', [consumer.name, nameOf(streamed)]);
      if (!dying || nameOf(streamed) !== `${one}#2`) return;
      dying = false;
      const { rows } = await tx.query('select pg_backend_pid() as pid');
      await database.pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
      await new Promise(() => undefined);
    },
  });
  await emit(...cycles(one, 1, 2, 3), ...cycles(other, 1, 2));
  const errors: unknown[] = [];
  const loops = [1, 2].map(() =>
    startConsumer(database.pool, consumer, { onError: (error) => errors.push(error), pauseMs: 5 }),
  );
  const effects = async () =>
    (await database.pool.query('select event from died where name = $1', [consumer.name])).rows.map(
      ({ event }) => event,
    );
  try {
    await eventually(async () => expect((await effects()).length).toBeGreaterThanOrEqual(5));
  } finally {
    await Promise.all(loops.map((loop) => loop.stop()));
  }
  const made = await effects();
  expect(made).toHaveLength(5);
  expect(ofEntity(made, one)).toEqual(cycles(one, 1, 2, 3));
  expect(ofEntity(made, other)).toEqual(cycles(other, 1, 2));
  expect(errors).toHaveLength(1);
});

it('one process handles several partitions at a time, so that a slow one delays none of the others', async () => {
  const [[slow], [quick]] = entities(2) as [[string], [string]];
  const { paused, resume } = pausing();
  const { seen, consumer } = await listening({ partitions: 2 });
  const { handle } = consumer;
  consumer.handle = async (tx, streamed) => {
    if (nameOf(streamed) === `${slow}#1`) await paused;
    await handle(tx, streamed);
  };
  await emit(...cycles(slow, 1, 2));
  const loop = startConsumer(database.pool, consumer, { onError, pauseMs: 5, further: createSemaphore(1) });
  try {
    for (const cycle of [1, 2, 3]) {
      await emit(...cycles(quick, cycle));
      loop.nudge();
      await eventually(async () => expect(seen).toEqual(cycles(quick, 1, 2, 3).slice(0, cycle)));
    }
    resume();
    await eventually(async () => expect(ofEntity(seen, slow)).toEqual(cycles(slow, 1, 2)));
  } finally {
    resume();
    await loop.stop();
  }
});

it('partitions take turns in one process: the one that has waited longest is next', async () => {
  const parts = entities(3, 1).flat();
  const { seen, consumer } = await listening({ partitions: 3 });
  await emit(...parts.flatMap((entity) => cycles(entity, 1, 2, 3)));
  for (let round = 0; round < 9; round += 1) await consumeBatch(database.pool, consumer, 1);
  for (const cycle of [0, 3, 6]) {
    expect(
      seen
        .slice(cycle, cycle + 3)
        .map((name) => name.split('#')[0])
        .sort(),
    ).toEqual([...parts].sort());
  }
});

it.each([
  [4, 2],
  [2, 5],
  [3, 1],
  [1, 4],
])(
  'a consumer with %i partitions at different positions is divided into %i: no event is lost, none comes twice',
  async (before, after) => {
    const names = entities(6).flat();
    const { seen, consumer } = await listening({ partitions: before });
    await emit(...names.flatMap((entity) => cycles(entity, 1, 2)));
    // Not all of them, and of some partitions more than of others.
    for (const limit of [5, 2, 1]) await consumeBatch(database.pool, consumer, limit);
    const handled = [...seen];
    expect(handled.length).toBeGreaterThan(4);
    await divide(database.pool, { ...consumer, partitions: after });
    if (before > 1) expect(await formerOf(consumer)).toHaveLength(1);
    await emit(...names.flatMap((entity) => cycles(entity, 3)));
    await divide(database.pool, { ...consumer, partitions: after + 1 });
    await consumeBatch(database.pool, consumer, 4);
    await divide(database.pool, { ...consumer, partitions: after });
    await drain(consumer, 3);
    expect([...seen].sort()).toEqual(names.flatMap((entity) => cycles(entity, 1, 2, 3)).sort());
    for (const entity of names) expect(ofEntity(seen, entity)).toEqual(cycles(entity, 1, 2, 3));
    await pruneFormerPartitions(database.pool);
    expect(await formerOf(consumer)).toEqual([]);
  },
);

it('what was handled before a consumer was divided is remembered for as long as a partition is behind it', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const { seen, refuses, consumer } = await listening({ partitions: 2 }, `${one}#1`);
  await emit(...cycles(one, 1), ...cycles(other, 1, 2));
  await stopsAt(consumer, `${one}#1`);
  expect(seen).toEqual(cycles(other, 1, 2));
  await divide(database.pool, { ...consumer, partitions: 1 });
  await pruneFormerPartitions(database.pool);
  expect(await formerOf(consumer)).toHaveLength(1);
  refuses.clear();
  await drain(consumer);
  expect(seen).toEqual([...cycles(other, 1, 2), ...cycles(one, 1)]);
  await pruneFormerPartitions(database.pool);
  expect(await formerOf(consumer)).toEqual([]);
});

it('a consumer that was given up and comes again under its name is given all that it asks for', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const { seen, refuses, consumer } = await listening({ partitions: 2, from: 'start' }, `${one}#1`);
  await emit(...cycles(one, 1), ...cycles(other, 1));
  await stopsAt(consumer, `${one}#1`);
  await divide(database.pool, { ...consumer, partitions: 3 });
  expect(await formerOf(consumer)).toHaveLength(1);
  await database.pool.query('delete from postdate.consumer where name = $1', [consumer.name]);
  refuses.clear();
  seen.length = 0;
  await subscribe(database.pool, consumer);
  await drain(consumer);
  expect(seen).toEqual(expect.arrayContaining([...cycles(one, 1), ...cycles(other, 1)]));
});

it('a consumer is divided between two rounds, never within one', async () => {
  const [[one]] = entities(2) as [[string]];
  const { paused, resume } = pausing();
  const { seen, refuses, consumer } = await listening({ partitions: 2 }, `${one}#2`);
  const { handle } = consumer;
  let called = false;
  consumer.handle = async (tx, streamed) => {
    called = true;
    await paused;
    await handle(tx, streamed);
  };
  await emit(...cycles(one, 1, 2));
  const round = consumeBatch(database.pool, consumer).catch((error) => error.message);
  await eventually(async () => expect(called).toBe(true));
  const divided = divide(database.pool, { ...consumer, partitions: 3 });
  const waits = `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
  await eventually(async () => expect((await database.pool.query(waits)).rowCount).toBeGreaterThan(0));
  consumer.handle = handle;
  resume();
  // It moves on and stops, while the other waits for it.
  expect(await Promise.all([round, divided])).toEqual([`not ${one}#2`, undefined]);
  refuses.clear();
  await drain(consumer);
  expect(seen).toEqual(cycles(one, 1, 2));
});

it('a replay gives a partition only what it has passed, also what a former partition handled', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const { seen, refuses, consumer } = await listening({ partitions: 2 }, `${one}#2`);
  await emit(...cycles(one, 1, 2), ...cycles(other, 1, 2));
  const { rows } = await database.pool.query('select position from postdate.outbox where aggregateid = $1 order by 1', [
    other,
  ]);
  const [first, second] = rows.map(({ position }) => Number(position)) as [number, number];
  await stopsAt(consumer, `${one}#2`);
  await divide(database.pool, { ...consumer, partitions: 3 });
  // After the last event but one: the stopped partition is behind that, and must miss nothing.
  await replayFrom(database.pool, consumer.name, first);
  expect(await countPassed(database.pool, consumer.name, 0)).toBeGreaterThan(0);
  refuses.clear();
  await drain(consumer);
  expect(ofEntity(seen, one)).toEqual(cycles(one, 1, 2));
  expect(ofEntity(seen, other)).toEqual(cycles(other, 1, 2, 2));
  await replayFrom(database.pool, consumer.name, second - 1);
  await drain(consumer);
  expect(ofEntity(seen, other)).toEqual(cycles(other, 1, 2, 2, 2));
  await expect(replayFrom(database.pool, 'nobody', 0)).rejects.toThrow('nobody');
});

it('events that one partition has still to read are kept, and a worker of the release before reads and removes none', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const { refuses, consumer } = await listening({ partitions: 2 }, `${one}#1`);
  const others = 'delete from postdate.consumer where name <> $1 and part_of is distinct from $1';
  await database.pool.query(others, [consumer.name]);
  await emit(...cycles(one, 1), ...cycles(other, 1));
  await stopsAt(consumer, `${one}#1`);
  await database.pool.query(
    `update postdate.outbox set relayed_at = relayed_at - interval '2 days', appended_at = '-infinity'`,
  );
  const kept = async () =>
    (await database.pool.query('select 1 from postdate.outbox where aggregateid = $1', [one])).rowCount;
  await pruneOutbox(database.pool, 1);
  expect(await kept()).toBe(1);
  // As the release before asks for its turn, and for what it may remove.
  const turn = `select position from postdate.consumer
                 where name = $1 and position < (select position from postdate.stream_head) for update skip locked`;
  expect((await database.pool.query(turn, [consumer.name])).rows).toEqual([]);
  const removable = 'select 1 from postdate.outbox where position <= all (select position from postdate.consumer)';
  expect((await database.pool.query(removable)).rows).toEqual([]);
  // A replay by its command line would have partitions twice.
  const replay = database.pool.query('update postdate.consumer set position = 0 where name = $1', [consumer.name]);
  await expect(replay).rejects.toThrow('violates check constraint');
  refuses.clear();
  await drain(consumer);
  await pruneOutbox(database.pool, 1);
  expect(await kept()).toBe(0);
  // Its partitions go with it.
  await database.pool.query('delete from postdate.consumer where name = $1', [consumer.name]);
  expect((await database.pool.query('select 1 from postdate.consumer')).rows).toEqual([]);
});

it('a row whose columns name another message than its event is set aside: it would be out of order', async () => {
  const [[one], [other]] = entities(2) as [[string], [string]];
  const { seen, consumer } = await listening({ partitions: 2 });
  await emit(...cycles(one, 1, 2), ...cycles(other, 1));
  await database.pool.query(
    `update postdate.outbox set aggregateid = $2 where aggregateid = $1 and payload->>'cycle' = '2'`,
    [one, other],
  );
  await drain(consumer);
  expect(seen.sort()).toEqual([...cycles(one, 1), ...cycles(other, 1)].sort());
  expect(await asideOf(consumer)).toHaveLength(1);
});

it.each([
  [{ partitions: 0 }, 'partitions'],
  [{ partitions: 257 }, 'partitions'],
  [{ partitions: 1.5 }, 'partitions'],
  [{ partitions: '4' as unknown as number }, 'partitions'],
  [{ onFailure: { setAsideAfterTries: 0 } }, 'onFailure.setAsideAfterTries'],
  [{ onFailure: { setAsideAfterTries: Number.NaN } }, 'onFailure.setAsideAfterTries'],
  [{ onFailure: { setAsideAfterTries: 101 } }, 'onFailure.setAsideAfterTries'],
])('a consumer is not declared with %j', (fields, field) => {
  const consumer = { name: 'c', from: 'end', handle: async () => undefined } as const;
  expect(() => defineConsumer({ ...consumer, ...fields })).toThrow(
    `consumer c: ${field}: must be a whole number from 1`,
  );
  expect(defineConsumer({ ...consumer, partitions: 256, onFailure: { setAsideAfterTries: 100 } })).toMatchObject(
    consumer,
  );
});
