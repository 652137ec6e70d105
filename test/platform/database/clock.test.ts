import { createDatabaseClock } from '../../../src/platform/database/clock';
import type { Queryable } from '../../../src/platform/database/pool';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

const DAY_MS = 86_400_000;

/** A database whose clock is so far from this machine's, and to and from which a question and its answer take so long. */
const database = (aheadMs: number, { thereMs = 1, backMs = 1 } = {}) =>
  ({
    async query() {
      jest.advanceTimersByTime(thereMs);
      const ms = Date.now() + aheadMs;
      jest.advanceTimersByTime(backMs);
      return { rows: [{ ms }] };
    },
  }) as unknown as Queryable;

/** The clock after these readings, one twice a second, with what each of them said. */
async function readingOf(...databases: Queryable[]) {
  const clock = createDatabaseClock();
  const jumps: number[] = [];
  for (const one of databases) {
    jumps.push(await clock.read(one));
    jest.advanceTimersByTime(500);
  }
  return { clock, jumps, aheadMs: () => Math.round(clock.now() - Date.now()) };
}

it('the reading with the shortest round trip of the last ten counts', async () => {
  const slow = database(300, { thereMs: 90, backMs: 10 });
  const { aheadMs, jumps, clock } = await readingOf(slow, database(300), ...Array(9).fill(slow));
  expect(aheadMs()).toBe(300);
  // Within the truth of their round trips all of them say the same.
  expect(jumps.every((jumpedMs) => jumpedMs === 0)).toBe(true);
  await clock.read(slow);
  expect(aheadMs()).toBe(340);
});

it.each([DAY_MS, -90_000, 250])(
  'a clock that jumps by %i ms is followed at the next reading, which tells',
  async (by) => {
    const { aheadMs, jumps } = await readingOf(
      database(20),
      database(20),
      database(20 + by, { thereMs: 50, backMs: 50 }),
    );
    expect(aheadMs()).toBe(20 + by);
    expect(jumps.map(Math.round)).toEqual([0, 0, by]);
  },
);

it("this machine's own clock may be set, and nothing changes", async () => {
  const { clock, aheadMs, jumps } = await readingOf(database(20), database(20));
  const before = clock.now();
  jest.setSystemTime(Date.now() + DAY_MS);
  expect(clock.now()).toBe(before);
  jumps.push(await clock.read(database(20 - DAY_MS)));
  expect(jumps.map(Math.round)).toEqual([0, 0, 0]);
  expect(aheadMs()).toBe(20 - DAY_MS);
});
