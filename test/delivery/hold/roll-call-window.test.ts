import { createRollCallWindow } from '../../../src/delivery/hold/roll-call-window';

const topic = { leadMs: 10_000, guardMs: 2_000, always: false };

/** A window over messages that are due in so many ms; none of them is held. `asked`: how far ahead each question went. */
function windowOver(
  dueInMs: number[],
  { perSecond = 1_000, ...fields }: Partial<typeof topic> & { perSecond?: number } = {},
) {
  const asked: number[] = [];
  const countMissing = async (reachMs: number) => {
    asked.push(reachMs);
    return dueInMs.filter((ms) => ms <= reachMs).length;
  };
  return { ...createRollCallWindow({ ...topic, ...fields }, { countMissing, perSecond: () => perSecond }), asked };
}

const many = (count: number, dueInMs: number) => Array.from({ length: count }, () => dueInMs);

it('without a burst it looks at three quarters of the guard, and what it finds is read one by one', async () => {
  const { burst, near } = windowOver([...many(100, 1_400), ...many(20, 9_000)]);
  expect(await burst()).toBeUndefined();
  expect(await near()).toEqual({ reachMs: 1_500, missing: 100, bySets: false });
});

it('where all are fetched by sets, so are a few, and within half of the lead, or a minute of a long one', async () => {
  const always = { always: true };
  expect(await windowOver([4_900, 5_100], always).near()).toEqual({ reachMs: 5_000, missing: 1, bySets: true });
  const long = { ...always, leadMs: 3_600_000, guardMs: 60_000 };
  expect(await windowOver([59_000, 61_000], long).near()).toMatchObject({ reachMs: 60_000, missing: 1 });
});

it('more than can be read one by one in the guard are fetched by sets', async () => {
  const { near } = windowOver(many(101, 1_400));
  expect(await near()).toEqual({ reachMs: 1_500, missing: 101, bySets: true });
});

it('what wakes can bring within the lead is no burst; one more is, before the lead begins', async () => {
  expect(await windowOver(many(120, 11_000)).burst()).toBeUndefined();
  const found = await windowOver(many(121, 11_000)).burst();
  expect(found).toMatchObject({ missing: 121, bySets: true });
  expect(found?.reachMs).toBeGreaterThan(topic.leadMs + 3_000);
});

it('the more are due, and the slower they come, the earlier it begins: for twice as long as they take', async () => {
  // 5,000 take five seconds.
  expect(await windowOver(many(5_000, 22_999)).burst()).toMatchObject({ missing: 5_000, reachMs: 23_000 });
  expect(await windowOver(many(5_000, 23_001)).burst()).toBeUndefined();
  expect(await windowOver(many(5_000, 23_001), { perSecond: 500 }).burst()).toMatchObject({ reachMs: 33_000 });
  expect(await windowOver(many(50_000, 100_000)).burst()).toMatchObject({ missing: 50_000, reachMs: 113_000 });
});

it('the whole time ahead is counted once in five seconds, a burst that was found at each look', async () => {
  const { burst, asked } = windowOver(many(5_000, 15_000));
  for (let look = 0; look < 3; look += 1) await burst();
  expect(asked).toEqual([310_000, 23_000, 23_000, 23_000]);
  // The control: without a burst nothing else is counted.
  const quiet = windowOver([]);
  for (let look = 0; look < 3; look += 1) await quiet.burst();
  expect(quiet.asked).toEqual([310_000]);
});
