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

  // test/message/cron-clocks.test.ts compares many of them with the clocks, minute by minute.
  it.each([
    ['30 2,14 * * *', 'Europe/Amsterdam', '2027-03-28T00:00:00Z', ['2027-03-28T01:00', '2027-03-28T12:30']],
    ['30 2,14 * * *', 'Europe/Amsterdam', '2027-10-30T23:00:00Z', ['2027-10-31T00:30', '2027-10-31T13:30']],
    ['*/20 2 * * *', 'Europe/Amsterdam', '2027-03-28T00:00:00Z', ['2027-03-28T01:00', '2027-03-29T00:00']],
    ['*/30 * * * *', 'Europe/Amsterdam', '2027-10-31T00:00:00Z', ['2027-10-31T00:30', '2027-10-31T01:00']],
    // Its gap is the last hour of a day.
    ['30 23 * * *', 'America/Nuuk', '2027-03-27T12:00:00Z', ['2027-03-28T01:00', '2027-03-29T00:30']],
    // 30 December 2011 is not in its calendar.
    ['0 9 30 12 *', 'Pacific/Apia', '2011-12-01T00:00:00Z', ['2011-12-30T10:00', '2012-12-29T19:00']],
    ['@daily', 'Africa/Cairo', '2027-04-29T12:00:00Z', ['2027-04-29T22:00', '2027-04-30T21:00']],
    ['15 30 2 * * *', 'UTC', '2027-01-01T00:00:00Z', ['2027-01-01T02:30', '2027-01-02T02:30']],
    ['0 0 9 1 1 * 2028,2031', 'UTC', '2027-01-01T00:00:00Z', ['2028-01-01T09:00', '2031-01-01T09:00']],
    ['0 9 L * *', 'UTC', '2027-01-01T00:00:00Z', ['2027-01-31T09:00', '2027-02-28T09:00']],
    ['0 9 15W * *', 'UTC', '2027-05-01T00:00:00Z', ['2027-05-14T09:00', '2027-06-15T09:00']],
    ['0 9 * * FRI#2', 'UTC', '2027-01-01T00:00:00Z', ['2027-01-08T09:00', '2027-02-12T09:00']],
    ['0 9 * * 5L', 'UTC', '2027-01-01T00:00:00Z', ['2027-01-29T09:00', '2027-02-26T09:00']],
  ])('%s in %s after %s', (cron, zone, startAt, dueTimes) => {
    const found = cyclesOf(series({ cron, zone }, at(startAt)), 2);
    expect(found.map((dueAt) => dueAt.slice(0, 16))).toEqual(dueTimes);
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

  it.each([
    ['with the last of the years that a cron names', '0 0 0 1 1 * 2028,2029', 2],
    ['where the next due time is more than 20 years ahead', '0 0 0 1 1 * 2028,2090', 1],
    ['where the next due time is hardly more than 20 years ahead', '0 0 0 1 1 * 2028,2049', 1],
    ['not where it is hardly less than that', '0 0 0 1 1 * 2028,2047', 2],
  ])('%s', (_when, cron, cycles) => {
    expect(cyclesOf(series({ cron }, at('2027-01-01T00:00:00Z')), 10)).toHaveLength(cycles);
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
  [{ cron: '0 0 0 30 2 * 2027-9999' }, 'repeat.cron'],
  [{ cron: '0 0 0 1 1 * 2020' }, 'repeat.cron'],
  [{ cron: '0 0 0 1 1 * 2090' }, 'repeat.cron'],
  [{ cron: '' }, 'repeat.cron'],
  [{ cron: '* * * * * * * *' }, 'repeat.cron'],
  [{ cron: '@reboot' }, 'repeat.cron'],
  [{ cron: '@every 5m' }, 'repeat.cron'],
  [{ cron: '2027-02-01T00:00:00' }, 'repeat.cron'],
  [{ cron: '10:00 * * * *' }, 'repeat.cron'],
  [{ cron: '0 0 * * FRI#6' }, 'repeat.cron'],
  [{ cron: '0 0 15X * *' }, 'repeat.cron'],
  [{ cron: 7 as unknown as string }, 'repeat.cron'],
  [{ every: 'P999999999Y' }, 'repeat.every'],
  [{ every: { days: 1 } as unknown as string }, 'repeat.every'],
  [{ every: 'P1D', zone: '' }, 'repeat.zone'],
  [{ every: 'P1D', zone: '+01:00' }, 'repeat.zone'],
  [{ every: 'P1D', zone: 7 as unknown as string }, 'repeat.zone'],
  [{ every: 'P1D', until: 'friday' }, 'repeat.until'],
  [{ every: 'P1D', maxCycles: 0 }, 'repeat.maxCycles'],
  [{ every: 'P1D', missed: 'some' as 'all' }, 'repeat.missed'],
])('%j is refused by field', (input, field) => {
  const repeat = repeatFrom(input, at('2027-01-01T09:00:00Z'));
  expect(refuseRepeat(repeat)).toMatchObject({ code: 'invalidRepeat', field });
  expect(refuseRepeat(repeatFrom({ every: 'P1D' }, at('2027-01-01T09:00:00Z')))).toBeUndefined();
});

it('a text of a megabyte is refused by field', () => {
  const startAt = at('2027-01-01T09:00:00Z');
  for (const [input, field] of [
    [{ cron: `${'0,'.repeat(500_000)}0 * * * *` }, 'repeat.cron'],
    [{ cron: ' '.repeat(1_000_000) }, 'repeat.cron'],
    [{ every: `P${'1'.repeat(1_000_000)}D` }, 'repeat.every'],
    [{ every: 'P1D', zone: 'x'.repeat(1_000_000) }, 'repeat.zone'],
  ] as const) {
    expect(refuseRepeat(repeatFrom(input, startAt))).toMatchObject({ code: 'invalidRepeat', field });
  }
  const all = Array.from({ length: 60 }, (_, minute) => minute).join(',');
  expect(refuseRepeat(repeatFrom({ cron: `${all} ${all} 0-23 * * *` }, startAt))).toBeUndefined();
});

it('fields that are null are absent, as other languages write them', () => {
  const absent = { cron: null, zone: null, until: null, maxCycles: null, missed: null } as object;
  const [startAt, dueAt] = [at('2027-01-01T09:00:00Z'), at('2027-01-02T09:00:00Z')];
  for (const repeat of [
    repeatFrom({ every: 'P1D', ...absent }, startAt),
    series({ every: 'P1D', ...absent }, startAt),
  ]) {
    expect(refuseRepeat(repeat)).toBeUndefined();
    expect(nextDueAt(repeat, startAt)).toBe(dueAt);
  }
});

it.each([
  ['startAt', 8.64e15],
  ['at', -8.64e15],
  ['at', null],
  ['done', '1'],
])('a %s of %p that no post has made is refused, before anything is counted from it', (field, value) => {
  const repeat = series({ every: 'P1D' }, at('2027-01-01T09:00:00Z'));
  expect(refuseRepeat({ ...repeat, [field]: value })).toMatchObject({ field: 'repeat' });
});

it('any text is a series that goes on, or is refused', () => {
  const letters = fc.constantFrom(...'0123456789*,-/?#LW+@ PTYMDHS.');
  const text = fc.array(letters, { maxLength: 30 }).map((all) => all.join(''));
  const numbers = fc.array(fc.nat(12), { minLength: 5, maxLength: 6 }).map((all) => all.join(' '));
  let series = 0;
  fc.assert(
    fc.property(fc.oneof(text, numbers), fc.constantFrom('every', 'cron'), (value, field) => {
      const repeat = repeatFrom({ [field]: value }, at('2027-01-01T09:00:00Z'));
      if (refuseRepeat(repeat)) return;
      series += 1;
      expect(nextDueAt(repeat, repeat.at)).toBeGreaterThan(repeat.at);
    }),
    { numRuns: 2_000 },
  );
  expect(series).toBeGreaterThan(0);
});
