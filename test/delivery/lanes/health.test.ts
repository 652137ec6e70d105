import { exceededLimit, type LaneFigures, readFigures } from '../../../src/delivery/lanes/health';
import { laneLimits } from '../../../src/delivery/lanes/lane';
import { useDatabase } from '../../support/database';
import { failed, landed, setLane } from '../../support/lane-figures';

const limits = laneLimits.parse({
  windowSeconds: 300,
  minCount: 20,
  errorRate: 0.05,
  lateP99Ms: 5_000,
  differenceRate: 0.01,
});
const figures = (some: Partial<LaneFigures>): LaneFigures => ({
  now: new Date(),
  since: '',
  seconds: 300,
  landed: 0,
  failed: 0,
  timed: 0,
  compared: 0,
  different: 0,
  ...some,
});

describe('a lane is above its limit', () => {
  it.each<[string, Partial<LaneFigures>, string | undefined]>([
    ['of errors', { landed: 15, failed: 10 }, 'error rate 40 % of 25 in 300 s is above 5 %'],
    ['of errors by one message', { landed: 37, failed: 2 }, 'error rate 5.13 % of 39 in 300 s is above 5 %'],
    ['not with as many errors as it may have', { landed: 38, failed: 2 }, undefined],
    ['with the least of messages', { landed: 0, failed: 20 }, 'error rate 100 % of 20 in 300 s is above 5 %'],
    ['not with one less', { landed: 0, failed: 19 }, undefined],
    ['of lateness', { landed: 20, timed: 20, lateP99Ms: 5_000.2 }, 'late p99 5001 ms of 20 in 300 s is above 5000 ms'],
    ['not when it is as late as it may be', { landed: 20, timed: 20, lateP99Ms: 5_000 }, undefined],
    ['not of the lateness of too few', { landed: 20, timed: 19, lateP99Ms: 60_000 }, undefined],
    ['of differences', { compared: 50, different: 1 }, 'difference rate 2 % of 50 in 300 s is above 1 %'],
    ['not with as many differences as it may have', { compared: 100, different: 1 }, undefined],
    ['not of the differences of too few', { compared: 19, different: 19 }, undefined],
    ['not when it has done nothing', {}, undefined],
  ])('%s', (_, some, words) => {
    expect(exceededLimit(limits, figures(some))).toBe(words);
  });

  it('never of errors or differences when all may be such, and with the first one when none may', () => {
    const all = { landed: 0, failed: 100, compared: 100, different: 100 };
    expect(exceededLimit({ ...limits, errorRate: 1, differenceRate: 1 }, figures(all))).toBeUndefined();
    const one = figures({ landed: 9_999, failed: 1 });
    expect(exceededLimit({ ...limits, errorRate: 0 }, one)).toBe('error rate 0.01 % of 10000 in 300 s is above 0 %');
  });
});

const database = useDatabase();
const { windowSeconds } = limits;

it('figures are of the lane alone, and of its window', async () => {
  const of = { topic: 'test.window', lane: 'canary' };
  await landed(database.pool, of, 90, { lateMs: 10 });
  await landed(database.pool, of, 10, { lateMs: 900 });
  await failed(database.pool, of, 3);
  for (const other of [
    { ...of, lane: 'v2' },
    { ...of, topic: 'test.other' },
    { ...of, lane: 'stable' },
  ]) {
    await landed(database.pool, other, 7, { lateMs: 60_000 });
    await failed(database.pool, other, 7);
  }
  await landed(database.pool, of, 5, { secondsAgo: windowSeconds + 1, lateMs: 60_000 });
  await failed(database.pool, of, 5, { secondsAgo: windowSeconds + 1 });
  const read = await readFigures(database.pool, of, limits);
  expect(read).toMatchObject({ landed: 100, failed: 3, timed: 100, seconds: windowSeconds, compared: 0, different: 0 });
  expect(read.lateP99Ms).toBeCloseTo(900, 5);
  // The control: with a longer window the older ones are in it.
  const longer = await readFigures(database.pool, of, { ...limits, windowSeconds: 2 * windowSeconds });
  expect(longer).toMatchObject({ landed: 105, failed: 8 });
});

it('what was due before it was posted has no lateness', async () => {
  const of = { topic: 'test.late', lane: 'canary' };
  await landed(database.pool, of, 5, { late: true, lateMs: 60_000 });
  expect(await readFigures(database.pool, of, limits)).toMatchObject({ landed: 5, timed: 0, lateP99Ms: undefined });
  await landed(database.pool, of, 1, { lateMs: 3 });
  const read = await readFigures(database.pool, of, limits);
  expect(read).toMatchObject({ landed: 6, timed: 1 });
  expect(read.lateP99Ms).toBeCloseTo(3, 5);
});

it('figures begin again when somebody sets, ramps or stops the lane, and not at a step', async () => {
  const of = { topic: 'test.again', lane: 'canary' };
  const failures = async () => (await readFigures(database.pool, of, limits)).failed;
  await failed(database.pool, of, 4);
  expect(await failures()).toBe(4);
  for (const [what, left] of [
    ['set', 0],
    ['ramp', 0],
    ['stop', 0],
    ['step', 4],
  ] as const) {
    await database.pool.query('delete from postdate.lane_failure where topic = $1', [of.topic]);
    await failed(database.pool, of, 4);
    await database.pool.query(
      `insert into postdate.lane_change (topic, lane, what, before, after, reason, author, version)
       values ($1, $2, $3, '{}', '{}', 'why', 'ann', 1)`,
      [of.topic, of.lane, what],
    );
    expect([what, await failures()]).toEqual([what, left]);
  }
  // Another lane's change is none of this one's.
  await setLane(database.pool, { ...of, lane: 'v2' }, {});
  expect(await failures()).toBe(4);
});

it('a change that was written while the clock was ahead does not keep the lane unguarded', async () => {
  const of = { topic: 'test.ahead', lane: 'canary' };
  await setLane(database.pool, of, {});
  await database.pool.query(
    `update postdate.lane_change set changed_at = changed_at + interval '1 day' where topic = $1`,
    [of.topic],
  );
  await failed(database.pool, of, 4);
  expect(await readFigures(database.pool, of, limits)).toMatchObject({ failed: 4, seconds: windowSeconds });
});

it('of very many messages the latest say how the lane is', async () => {
  const of = { topic: 'test.many', lane: 'canary' };
  await landed(database.pool, of, 10_000, { secondsAgo: 100 });
  await failed(database.pool, of, 500, { secondsAgo: 200 });
  await failed(database.pool, of, 600);
  expect(await readFigures(database.pool, of, limits)).toMatchObject({ landed: 9_400, failed: 600 });
  // The control: who wants more of them has them.
  const more = await readFigures(database.pool, of, { ...limits, minCount: 20_000 });
  expect(more).toMatchObject({ landed: 10_000, failed: 1_100 });
});
