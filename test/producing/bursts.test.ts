import type { ScheduledMessage } from '../../src/message/contract';
import { createBurstCounter } from '../../src/producing/bursts';

const dueAt = Math.ceil(Date.now() / 1_000) * 1_000 + 3_600_000;
const message = (fields: Partial<ScheduledMessage> = {}): ScheduledMessage => ({
  ...{ v: 1, topic: 'test.burst', tenant: 'acme', key: 'k', cycle: 1, dueAt, leadMs: 10_000, payload: {} },
  ...fields,
});
const withoutRows = {};

/** Which of so many messages in a row are in a burst: the place of the first, and how many. */
function burstOf(count: number, fieldsAt: (place: number) => Partial<ScheduledMessage>, topic: object = withoutRows) {
  const { fetchedAs } = createBurstCounter();
  const places = Array.from({ length: count }, (_, place) => place).filter(
    (place) => fetchedAs(topic, message(fieldsAt(place))).inBurst,
  );
  return { first: places[0], count: places.length };
}

it('of one second the first hundred wake by themselves, and the others are in a burst', () => {
  expect(burstOf(150, () => ({}))).toEqual({ first: 100, count: 50 });
  expect(burstOf(150, (place) => ({ dueAt: dueAt + place }))).toEqual({ first: 100, count: 50 });
});

it('messages of other seconds and other topics do not count', () => {
  const none = { first: undefined, count: 0 };
  expect(burstOf(150, (place) => ({ dueAt: dueAt + 1_000 * (place % 2) }))).toEqual(none);
  expect(burstOf(150, (place) => ({ topic: place % 2 ? 'test.other' : 'test.burst' }))).toEqual(none);
});

it.each<[string, Partial<ScheduledMessage>]>([
  ['that is due within its lead goes straight to the hold, and', { dueAt: Date.now() + 9_000 }],
  ['of a topic without a roll call', { leadMs: 4_999 }],
  ['that is too large for its memo', { payload: 'x'.repeat(3_000) }],
])('a message %s wakes by itself', (_what, fields) => {
  expect(burstOf(150, () => fields).count).toBe(0);
});

it('a large message of a topic with rows is read from its row', () => {
  expect(burstOf(150, () => ({ payload: 'x'.repeat(3_000) }), { businessRows: 'select 1' }).count).toBe(50);
});

describe('of a topic that says so', () => {
  const always = { bySets: 'always' } as const;
  /** How the second message of a second is fetched. */
  function second(topic: Parameters<ReturnType<typeof createBurstCounter>['fetchedAs']>[0], fields = {}) {
    const { fetchedAs } = createBurstCounter();
    fetchedAs(topic, message(fields));
    return fetchedAs(topic, message(fields));
  }

  it('each message is fetched by sets but the first of its second, whose wake is watched; beyond a hundred it is a burst', () => {
    const { fetchedAs } = createBurstCounter();
    const all = Array.from({ length: 102 }, () => fetchedAs(always, message()));
    expect(all[0]).toEqual({});
    expect(all.slice(1, 100)).toEqual(Array.from({ length: 99 }, () => ({ bySets: true })));
    expect(all.slice(100)).toEqual([{ inBurst: true }, { inBurst: true }]);
    expect(fetchedAs(always, message({ dueAt: dueAt + 1_000 }))).toEqual({});
  });

  it('a message that cannot be fetched wakes by itself, as all do in other topics', () => {
    expect(second(always)).toEqual({ bySets: true });
    expect(second({ bySets: 'bursts' })).toEqual({});
    expect(second({})).toEqual({});
    expect(second(always, { dueAt: Date.now() + 9_000 })).toEqual({});
    expect(second(always, { leadMs: 4_999 })).toEqual({});
    const large = { payload: 'x'.repeat(3_000) };
    expect(second(always, large)).toEqual({});
    expect(second({ ...always, businessRows: 'select 1' }, large)).toEqual({ bySets: true });
  });
});

it('of ten thousand seconds it knows how many are due; a second that it has forgotten begins anew', () => {
  const { fetchedAs } = createBurstCounter();
  for (let place = 0; place < 100; place += 1) fetchedAs(withoutRows, message());
  for (let second = 1; second < 10_000; second += 1) fetchedAs(withoutRows, message({ dueAt: dueAt + second * 1_000 }));
  expect(fetchedAs(withoutRows, message())).toEqual({ inBurst: true });
  for (let second = 1; second <= 10_000; second += 1)
    fetchedAs(withoutRows, message({ dueAt: dueAt + second * 1_000 }));
  expect(fetchedAs(withoutRows, message())).toEqual({});
});
