import fc from 'fast-check';
import { cronSeries } from '../../src/message/cron-series';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The minutes of two days and a half, each with what the clocks of a zone show, as the instant at which UTC shows the same. */
interface Clocks {
  zone: string;
  from: number;
  minutes: { at: number; shows: number }[];
}

function clocksOf(zone: string, middle: string): Clocks {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const from = Date.parse(`${middle}T12:00:00Z`) - 1.5 * DAY_MS;
  const minutes = Array.from({ length: (2.5 * DAY_MS) / MINUTE_MS }, (_, index) => {
    const at = from + index * MINUTE_MS;
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = parts;
    return { at, shows: Date.UTC(year, month - 1, day, hour, minute) };
  });
  return { zone, from, minutes };
}

/** Changes of the clocks: how many minutes they jump on that day, and between which days. */
const CHANGES = [
  ['Europe/Amsterdam', '2027-03-28', 60],
  ['Europe/Amsterdam', '2027-10-31', -60],
  ['America/New_York', '2027-03-14', 60],
  ['America/New_York', '2027-11-07', -60],
  ['Australia/Lord_Howe', '2027-10-03', 30],
  ['Australia/Lord_Howe', '2027-04-04', -30],
  ['Africa/Casablanca', '2026-02-15', -60],
  ['Africa/Casablanca', '2026-03-22', 60],
  // The hour before midnight, and the hour after it.
  ['America/Nuuk', '2027-03-28', 60],
  ['Africa/Cairo', '2027-04-30', 60],
  ['Africa/Cairo', '2027-10-29', -60],
  // A day that never was.
  ['Pacific/Apia', '2011-12-30', 1_440],
] as const;

interface Field {
  text: string;
  has(value: number): boolean;
}
const star: Field = { text: '*', has: () => true };
const list = (min: number, max: number) =>
  fc
    .uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 3 })
    .map((values): Field => ({ text: values.join(','), has: (value) => values.includes(value) }));
const range = (min: number, max: number) =>
  fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }), fc.integer({ min: 1, max: 20 }))
    .map(([one, two, step]): Field => {
      const [first, last] = [Math.min(one, two), Math.max(one, two)];
      return {
        text: `${first}-${last}${step > 1 ? `/${step}` : ''}`,
        has: (value) => value >= first && value <= last && (value - first) % step === 0,
      };
    });
const steps = (max: number) =>
  fc.integer({ min: 2, max }).map((step): Field => ({ text: `*/${step}`, has: (value) => value % step === 0 }));

const minuteField = fc.oneof({ weight: 3, arbitrary: list(0, 59) }, range(0, 59), steps(30));
// Most hours are those in which clocks change.
const namedHours = fc.oneof(
  list(0, 4),
  list(0, 23),
  range(0, 23),
  fc.constant<Field>({ text: '23', has: (value) => value === 23 }),
);
const openHours = fc.oneof(fc.constant(star), steps(12));
const dayField = fc.oneof({ weight: 3, arbitrary: fc.constant(star) }, list(1, 31));

interface Fields {
  minute: Field;
  hour: Field;
  day: Field;
}
const matches = ({ minute, hour, day }: Fields, shows: number) => {
  const date = new Date(shows);
  return minute.has(date.getUTCMinutes()) && hour.has(date.getUTCHours()) && day.has(date.getUTCDate());
};

/** What the documentation says, minute by minute: a local time that is skipped comes right after, a repeated one first. */
function localTimes({ minutes }: Clocks, fields: Fields): number[] {
  const firstAt = new Map<number, number>();
  for (const { at, shows } of minutes) if (!firstAt.has(shows)) firstAt.set(shows, at);
  const shown = minutes.map(({ shows }) => shows);
  const due = new Set<number>();
  for (let shows = Math.min(...shown); shows <= Math.max(...shown); shows += MINUTE_MS) {
    if (!matches(fields, shows)) continue;
    const at = firstAt.get(shows) ?? minutes.find((minute) => minute.shows > shows)?.at;
    if (at !== undefined) due.add(at);
  }
  return [...due].sort((one, two) => one - two);
}

/** What the documentation says of hours that go on: whenever the clocks show it. */
const whenever = ({ minutes }: Clocks, fields: Fields): number[] =>
  minutes.filter(({ shows }) => matches(fields, shows)).map(({ at }) => at);

/** The due times after the first minute of the clocks, up to the last. */
function dueTimes({ zone, from, minutes }: Clocks, { minute, hour, day }: Fields): number[] {
  const after = cronSeries(`${minute.text} ${hour.text} ${day.text} * *`, zone);
  const to = minutes.at(-1)?.at ?? from;
  const found: number[] = [];
  for (let at = after(from); at !== undefined && at <= to; at = after(at)) found.push(at);
  return found;
}

describe.each(CHANGES)('%s around %s, when the clocks jump by %i minutes', (zone, middle, jump) => {
  const clocks = clocksOf(zone, middle);
  const afterStart = (times: number[]) => times.filter((at) => at > clocks.from);

  it('they do jump by so much, once (the control)', () => {
    const jumps = clocks.minutes.flatMap(({ shows }, index) => {
      const before = clocks.minutes[index - 1];
      const by = before ? (shows - before.shows) / MINUTE_MS - 1 : 0;
      return by === 0 ? [] : [by];
    });
    expect(jumps).toEqual([jump]);
  });

  it('a cron with named hours comes at each of its local times once', () => {
    fc.assert(
      fc.property(fc.record({ minute: minuteField, hour: namedHours, day: dayField }), (fields) => {
        expect(dueTimes(clocks, fields)).toEqual(afterStart(localTimes(clocks, fields)));
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });

  it('a cron with * or */n as its hours comes whenever the clocks show its time', () => {
    fc.assert(
      fc.property(fc.record({ minute: minuteField, hour: openHours, day: dayField }), (fields) => {
        expect(dueTimes(clocks, fields)).toEqual(afterStart(whenever(clocks, fields)));
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
