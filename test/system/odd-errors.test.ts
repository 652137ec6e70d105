import { nanoid } from 'nanoid';
import { describe as describeMessage, schedule } from '../../src/client';
import { PermanentFailure, type Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { effectsSchema, effectTopic, traces } from '../support/effects';
import { eventually } from '../support/eventually';
import { ODD } from '../support/odd-values';
import { useTemporal } from '../support/temporal';

const database = useDatabase(effectsSchema);
const temporal = useTemporal();
const once = { effects: 1, decisions: 1, events: 1 };
const KINDS = [
  'an error whose cause is itself',
  'a revoked proxy',
  'half of a surrogate pair and a NUL',
  'a failure that is not to be retried',
  'a failure that is to be retried in a year',
  'a cancellation of the SDK',
  'a termination of the SDK',
];

const broken = new Map<string, () => unknown>();
const tries = new Map<string, number>();
const odd: Topic = {
  ...effectTopic((_, { key }) => {
    tries.set(key, (tries.get(key) ?? 0) + 1);
    const make = broken.get(key);
    if (make) throw make();
    return { do: 'done' };
  }),
  name: 'test.odd',
  leadMs: 0,
};
const neighbour: Topic = { ...effectTopic(), name: 'test.neighbour', leadMs: 0 };

async function post(topic: Topic, dueInMs: number) {
  const ref = { topic: topic.name, tenant: 'acme', key: nanoid() };
  const payload = { note: 'n' } as never;
  await schedule(temporal.client, { ...ref, topic, dueAt: Date.now() + dueInMs, payload });
  return ref;
}
type Ref = Awaited<ReturnType<typeof post>>;
const endsAs = (ref: Ref, outcome: string) =>
  eventually(async () => {
    const known = await describeMessage(temporal.client, ref);
    expect(known).toMatchObject({ ending: { outcome } });
  }, 60_000);

it("what a handler throws delays its own message only: it is tried again by Postdate's rules, and lands when the handler is well", async () => {
  const parts = { topics: [odd, neighbour], consumers: [], schemas: [] };
  await temporal.withWorker(database, parts, async () => {
    const refs: Ref[] = [];
    for (const kind of KINDS) {
      const ref = await post(odd, 2_000);
      broken.set(ref.key, ODD[kind] as () => unknown);
      refs.push(ref);
    }
    for (const { key } of refs) await eventually(async () => expect(tries.get(key)).toBeGreaterThan(1));
    for (const { key } of refs) expect((await traces(database.pool, key)).decisions).toBe(0);
    // The worker is there for everybody else.
    const other = await post(neighbour, 500);
    await endsAs(other, 'delivered');
    expect(await traces(database.pool, other.key)).toEqual(once);
    broken.clear();
    for (const ref of refs) await endsAs(ref, 'delivered');
    for (const { key } of refs) expect(await traces(database.pool, key)).toEqual(once);
  });
}, 300_000);

it('only a PermanentFailure ends a message, as failed, and the ledger and its listeners know', async () => {
  await temporal.withWorker(database, { topics: [odd], consumers: [], schemas: [] }, async () => {
    const ref = await post(odd, 2_000);
    broken.set(ref.key, () => new PermanentFailure('no such account'));
    await endsAs(ref, 'failed');
    const { rows } = await database.pool.query('select outcome, reason from postdate.delivery where key = $1', [
      ref.key,
    ]);
    expect(rows).toEqual([{ outcome: 'failed', reason: 'no such account' }]);
    expect(await traces(database.pool, ref.key)).toEqual({ effects: 0, decisions: 1, events: 1 });
  });
}, 300_000);
