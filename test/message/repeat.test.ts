import fc from 'fast-check';
import type { Repeat } from '../../src/message/contract';
import { nextDueAt, refuseRepeat, repeatFrom } from '../../src/message/repeat';

const at = (text: string) => Date.parse(text);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const series = (fields: Partial<Repeat>, startAt: number): Repeat => ({ startAt, at: startAt, done: 0, ...fields });

/** The due times after the first, as the cycles of a message go by, each landed this much later than due. */
function cyclesOf(repeat: Repeat, count: number, lateMs = 0): string[] {
  const dueTimes: string[] = [];
  let now = repeat;
  while (dueTimes.length < count) {
    const next = nextDueAt(now, now.at + lateMs);
    if (next === undefined) break;
    dueTimes.push(new Date(next).toISOString());
    now = { ...now, at: next, done: now.done + 1 };
  }
  return dueTimes;
}

describe('every', () => {
  it('day, landed late each time, does not drift', () => {
    const [last] = cyclesOf(series({ every: 'P1D' }, at('2026-01-01T09:00:00Z')), 1_000, 5_000).slice(-1);
    expect(last).toBe('2028-09-27T09:00:00.000Z');
  });

  it('month from a 31st is on the last day of shorter months, and back on the 31st after them', () => {
    expect(cyclesOf(series({ every: 'P1M' }, at('2027-01-31T12:00:00Z')), 4)).toEqual([
      '2027-02-28T12:00:00.000Z',
      '2027-03-31T12:00:00.000Z',
      '2027-04-30T12:00:00.000Z',
      '2027-05-31T12:00:00.000Z',
    ]);
  });

  it('day in a zone keeps its local time over a change of the clocks; without a zone it keeps the time in UTC', () => {
    const startAt = at('2027-03-27T09:00:00+01:00');
    expect(cyclesOf(series({ every: 'P1D', zone: 'Europe/Amsterdam' }, startAt), 2)).toEqual([
      '2027-03-28T07:00:00.000Z',
      '2027-03-29T07:00:00.000Z',
    ]);
    expect(cyclesOf(series({ every: 'P1D' }, startAt), 1)).toEqual(['2027-03-28T08:00:00.000Z']);
  });

  it('day at a local time that spring skips is an hour later on that day only', () => {
    const daily = series({ every: 'P1D', zone: 'Europe/Amsterdam' }, at('2027-03-27T02:30:00+01:00'));
    expect(cyclesOf(daily, 2)).toEqual(['2027-03-28T01:30:00.000Z', '2027-03-29T00:30:00.000Z']);
  });

  it('24 hours are hours, whatever the clocks do', () => {
    const daily = series({ every: 'PT24H', zone: 'Europe/Amsterdam' }, at('2027-03-27T09:00:00+01:00'));
    expect(cyclesOf(daily, 1)).toEqual(['2027-03-28T08:00:00.000Z']);
  });
});

describe('cron', () => {
  const nightly = (startAt: string) => series({ cron: '30 2 * * *', zone: 'Europe/Amsterdam' }, at(startAt));

  it('in its zone, in winter and in summer', () => {
    expect(cyclesOf(nightly('2027-01-10T12:00:00Z'), 1)).toEqual(['2027-01-11T01:30:00.000Z']);
    expect(cyclesOf(nightly('2027-07-10T12:00:00Z'), 1)).toEqual(['2027-07-11T00:30:00.000Z']);
  });

  it('at a local time that spring skips comes right after the gap; at one that autumn has twice it comes once', () => {
    expect(cyclesOf(nightly('2027-03-27T12:00:00Z'), 2)).toEqual([
      '2027-03-28T01:00:00.000Z',
      '2027-03-29T00:30:00.000Z',
    ]);
    const autumn = cyclesOf(nightly('2027-10-30T12:00:00Z'), 2);
    expect(autumn.map((dueAt) => dueAt.slice(0, 10))).toEqual(['2027-10-31', '2027-11-01']);
  });
});

describe('the series ends', () => {
  it('after so many cycles, the first included', () => {
    expect(cyclesOf(series({ every: 'P1D', maxCycles: 3 }, at('2027-01-01T00:00:00Z')), 10)).toHaveLength(2);
  });

  it('with the last due time up to "until"', () => {
    const until = at('2027-01-03T00:00:00Z');
    const daily = series({ every: 'P1D', until }, at('2027-01-01T00:00:00Z'));
    expect(cyclesOf(daily, 10)).toEqual(['2027-01-02T00:00:00.000Z', '2027-01-03T00:00:00.000Z']);
  });
});

describe('cycles that were missed', () => {
  const startAt = at('2027-01-01T10:00:00Z');
  // The cycle of 10:00 lands at 14:30; those of 11 to 14 were missed.
  const now = at('2027-01-01T14:30:00Z');
  it.each([
    ['once', '2027-01-01T14:00:00.000Z'],
    ['skip', '2027-01-01T15:00:00.000Z'],
    ['all', '2027-01-01T11:00:00.000Z'],
  ] as const)('come %s as asked', (missed, dueAt) => {
    for (const form of [{ every: 'PT1H' }, { cron: '0 * * * *' }]) {
      expect(new Date(nextDueAt(series({ ...form, missed }, startAt), now) as number).toISOString()).toBe(dueAt);
    }
  });

  it('"once" finds the last of very many', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 10 * 365 }), (minutes, days) => {
        const repeat = series({ every: `PT${minutes}M` }, startAt);
        const nowMs = startAt + days * DAY_MS;
        const everyMs = minutes * 60_000;
        const passed = Math.floor((nowMs - startAt) / everyMs);
        expect(nextDueAt(repeat, nowMs)).toBe(startAt + Math.max(1, passed) * everyMs);
      }),
    );
  });

  it('"once" brings none that lies past the end of the series', () => {
    const until = at('2027-01-01T12:30:00Z');
    expect(nextDueAt(series({ every: 'PT1H', until }, startAt), now)).toBe(at('2027-01-01T12:00:00Z'));
  });
});

it('a cycle that was moved leaves the series where it is', () => {
  const repeat = repeatFrom({ every: 'P1D' }, at('2027-01-01T09:00:00Z'));
  expect(nextDueAt(repeat, at('2027-01-01T17:00:00Z'))).toBe(at('2027-01-02T09:00:00Z'));
  expect(nextDueAt(repeat, at('2026-12-30T09:00:00Z'))).toBe(at('2027-01-02T09:00:00Z'));
});

it.each([
  [{}, 'repeat'],
  [{ every: 'P1D', cron: '0 0 * * *' }, 'repeat'],
  [{ every: 'tomorrow' }, 'repeat.every'],
  [{ every: 'PT0S' }, 'repeat.every'],
  [{ every: '-P1D' }, 'repeat.every'],
  [{ every: 'PT0.5S' }, 'repeat.every'],
  [{ every: 'PT0.0000001S' }, 'repeat.every'],
  [{ every: 7 as unknown as string }, 'repeat.every'],
  [{ cron: '61 * * * *' }, 'repeat.cron'],
  [{ cron: 'never' }, 'repeat.cron'],
  [{ every: 'P1D', zone: 'Mars/Olympus' }, 'repeat.zone'],
  [{ every: 'P21Y' }, 'repeat.every'],
  [{ cron: '0 0 30 2 *' }, 'repeat.cron'],
  [{ every: 'P1D', until: 'friday' }, 'repeat.until'],
  [{ every: 'P1D', maxCycles: 0 }, 'repeat.maxCycles'],
  [{ every: 'P1D', missed: 'some' as 'all' }, 'repeat.missed'],
])('%j is refused by field', (input, field) => {
  const repeat = repeatFrom(input, at('2027-01-01T09:00:00Z'));
  expect(refuseRepeat(repeat)).toMatchObject({ code: 'invalidRepeat', field });
  expect(refuseRepeat(repeatFrom({ every: 'P1D' }, at('2027-01-01T09:00:00Z')))).toBeUndefined();
});
