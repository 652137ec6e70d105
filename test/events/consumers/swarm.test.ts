import fc from 'fast-check';
import type { Consumer } from '../../../src/events/consumer';
import { handleRound } from '../../../src/events/handle-round';
import { divide, pruneFormerPartitions } from '../../../src/events/partition-change';
import { sendAgain } from '../../../src/events/set-aside-orders';
import { useDatabase } from '../../support/database';
import { nameOf, useListening } from '../../support/listening';

const database = useDatabase();
const { emit, listening } = useListening(database);
const RUNS = Math.ceil(Number(process.env.POSTDATE_RACES ?? 300) / 10);
const ENTITIES = ['acme/a', 'acme/b', 'acme/c', 'globex/a', 'globex/b', 'umbrella/a'];

beforeAll(() =>
  database.pool.query(
    'create table swarm (name text, entity text, cycle integer, at integer generated always as identity)',
  ),
);

/** What is wrong with the effects of events: each cycle of each entity once, in order. */
function faultsOf(effects: { entity: string; cycle: number }[], emitted: ReadonlyMap<string, number>): string[] {
  return ENTITIES.flatMap((entity) => {
    const is = effects.filter((effect) => effect.entity === entity).map(({ cycle }) => cycle);
    const shouldBe = Array.from({ length: emitted.get(entity) ?? 0 }, (_, at) => at + 1);
    return is.join() === shouldBe.join() ? [] : [`${entity}: ${is.join()} in place of ${shouldBe.join()}`];
  });
}

type Step =
  | { do: 'emit'; entities: string[] }
  | { do: 'work'; workers: number; limit: number }
  /** One of several workers dies at its so-manieth event. */
  | { do: 'die'; workers: number; limit: number; at: number }
  | { do: 'divide'; partitions: number }
  /** From now on the consumer throws at the events of this entity, or does no more. */
  | { do: 'turn'; entity: string }
  | { do: 'resend' }
  | { do: 'prune' };

const entity = fc.constantFrom(...ENTITIES);
const workers = fc.integer({ min: 1, max: 4 });
const limit = fc.integer({ min: 1, max: 6 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('emit' as const),
      entities: fc.array(entity, { minLength: 1, maxLength: 8 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('work' as const), workers, limit }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('die' as const), workers, limit, at: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('divide' as const), partitions: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const), entity }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resend' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune' as const) }) },
);
const kind = fc.record({
  partitions: fc.integer({ min: 1, max: 4 }),
  sets: fc.boolean(),
  tries: fc.constantFrom(undefined, 1, 3),
});

async function play({ partitions, sets, tries }: { partitions: number; sets: boolean; tries?: number }, steps: Step[]) {
  const odd = new Set<string>();
  // Of the next event at which a worker dies; at 0 none does.
  let dyingIn = 0;
  const work: Consumer['handle'] = async (tx, streamed) => {
    const [subject = '', cycle] = nameOf(streamed).split('#');
    await tx.query('insert into swarm (name, entity, cycle) values ($1, $2, $3)', [
      consumer.name,
      subject,
      Number(cycle),
    ]);
    if (dyingIn > 0) {
      dyingIn -= 1;
      if (dyingIn === 0) {
        const { rows } = await tx.query('select pg_backend_pid() as pid');
        await database.pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
        await new Promise(() => undefined);
      }
    }
    if (odd.has(subject)) throw new Error(`not ${subject}`);
  };
  const { consumer } = await listening({
    partitions,
    handle: work,
    ...(tries !== undefined && { onFailure: { setAsideAfterTries: tries } }),
    ...(sets && {
      async handleAll(tx, events) {
        for (const one of events) await work(tx, one);
      },
    }),
  });
  const emitted = new Map<string, number>();
  const workers = (count: number, most: number, patient = false) =>
    Promise.all(
      Array.from({ length: count }, () =>
        handleRound(database.pool, consumer, { limit: most, patient }).catch(() => undefined),
      ),
    );

  const take = async (one: Step): Promise<unknown> => {
    switch (one.do) {
      case 'emit': {
        const names = one.entities.map((subject) => {
          const cycle = (emitted.get(subject) ?? 0) + 1;
          emitted.set(subject, cycle);
          return `${subject}#${cycle}`;
        });
        return emit(...names);
      }
      case 'work':
        return workers(one.workers, one.limit);
      case 'die': {
        dyingIn = one.at;
        await workers(one.workers, one.limit);
        dyingIn = 0;
        return;
      }
      case 'divide':
        // Beside workers, for it must wait for their rounds.
        return Promise.all([workers(2, 3), divide(database.pool, { name: consumer.name, partitions: one.partitions })]);
      case 'turn':
        return odd.delete(one.entity) || odd.add(one.entity);
      case 'resend':
        return sendAgain(database.pool, { consumer: consumer.name });
      case 'prune':
        return pruneFormerPartitions(database.pool);
      default:
        return one satisfies never;
    }
  };
  for (const one of steps) await take(one);

  odd.clear();
  await sendAgain(database.pool, { consumer: consumer.name });
  while ((await workers(3, 5)).some((round) => round !== undefined));
  const { rows } = await database.pool.query('select entity, cycle from swarm where name = $1 order by at', [
    consumer.name,
  ]);
  return { faults: faultsOf(rows, emitted), rows, emitted };
}

beforeEach(async () => {
  await database.pool.query('truncate postdate.outbox, postdate.set_aside, swarm');
  await database.pool.query('delete from postdate.consumer');
});

it('each event has its effect once and in its entity’s order, whatever workers die, fail and divide the consumer', async () => {
  await fc.assert(
    fc
      .asyncProperty(kind, fc.array(step, { minLength: 5, maxLength: 25 }), async (how, steps) => {
        const { faults } = await play(how, steps);
        expect(faults).toEqual([]);
      })
      .afterEach(async () => {
        await database.pool.query('truncate postdate.outbox, postdate.set_aside, swarm');
        await database.pool.query('delete from postdate.consumer');
      }),
    { numRuns: RUNS },
  );
});

it('an effect that is missing, there twice or out of order would be found', async () => {
  const { faults, rows, emitted } = await play({ partitions: 3, sets: false }, [
    { do: 'emit', entities: ['acme/a', 'acme/a', 'globex/a'] },
    { do: 'work', workers: 2, limit: 5 },
  ]);
  expect(faults).toEqual([]);
  expect(rows).toHaveLength(3);
  const [first, second, third] = rows as [never, never, never];
  for (const wrong of [rows.slice(1), [...rows, first], [third, second, first]]) {
    expect(faultsOf(wrong, emitted).length).toBeGreaterThan(0);
  }
});
