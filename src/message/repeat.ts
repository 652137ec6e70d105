import { Cron } from 'croner';
import { Temporal } from 'temporal-polyfill';
import { refuseDueAt } from './admission';
import { MISSED, type Repeat } from './contract';
import { epochMsOf, type InstantInput } from './due-time';
import type { Refusal } from './refusal';

/** How a producer asks for a repeating message, with either `every` or `cron`. */
export interface RepeatInput extends Pick<Repeat, 'every' | 'cron' | 'zone' | 'maxCycles' | 'missed'> {
  until?: InstantInput;
}

// Temporal keeps a second between two runs of a workflow. What repeats faster is a loop, not a calendar.
const SHORTEST_MS = 1_000;

/** The repeat as a message carries it. Its first cycle is due at `dueAt`. */
export const repeatFrom = (input: RepeatInput, dueAt: number): Repeat => ({
  ...input,
  until: input.until === undefined ? undefined : epochMsOf(input.until),
  startAt: dueAt,
  at: dueAt,
  done: 0,
});

/** Why a message cannot repeat like this. */
export function refuseRepeat(repeat: Repeat): Refusal | undefined {
  const { every, cron, until, maxCycles, missed, startAt, at, done } = repeat;
  if ((every === undefined) === (cron === undefined)) return refusal('repeat', 'must have one of every and cron');
  if (until !== undefined && !Number.isSafeInteger(until)) return refusal('repeat.until', 'must be an instant');
  if (maxCycles !== undefined && !(Number.isSafeInteger(maxCycles) && maxCycles >= 1)) {
    return refusal('repeat.maxCycles', 'must be a whole number from 1');
  }
  if (missed !== undefined && !MISSED.includes(missed)) return refusal('repeat.missed', `must be ${MISSED.join(', ')}`);
  if (![startAt, at, done].every(Number.isSafeInteger)) return refusal('repeat', 'must be made by a post');
  return refuseZone(repeat) ?? refuseSeries(repeat);
}

/**
 * The due time of the cycle after the present one; undefined if the series is over. It is counted from the present
 * cycle's place in the series, not from its delivery or from a move, so the series does not drift.
 */
export function nextDueAt(repeat: Repeat, nowMs: number): number | undefined {
  const { at, until = Number.POSITIVE_INFINITY, maxCycles = Number.POSITIVE_INFINITY, done, missed = 'once' } = repeat;
  if (done + 1 >= maxCycles) return undefined;
  const after = seriesOf(repeat);
  const next = after(at);
  if (next === undefined || next > nowMs) return within(next, until);
  switch (missed) {
    case 'all':
      return within(next, until);
    case 'once':
      // The last missed cycle stands for all of them, unless it is due past the series' end.
      return within(lastUpTo(Math.min(nowMs, until), next, after), until);
    case 'skip':
      return within(after(nowMs), until);
    default:
      return missed satisfies never;
  }
}

/** The first instant of a series after the given one. */
type Series = (afterMs: number) => number | undefined;

const seriesOf = (repeat: Repeat): Series => (repeat.cron === undefined ? everySeries(repeat) : cronSeries(repeat));
const zoneOf = ({ zone = 'UTC' }: Repeat) => zone;

// A local time that spring skips is moved to the hour after it. One that autumn has twice happens once.
function cronSeries(repeat: Repeat): Series {
  const cron = new Cron(repeat.cron as string, { timezone: zoneOf(repeat) });
  return (afterMs) => cron.nextRun(new Date(afterMs))?.getTime();
}

// Each instant is a multiple of the duration from the start: a series begun on a 31st is on the 31st in every month
// that has one.
function everySeries(repeat: Repeat): Series {
  const start = Temporal.Instant.fromEpochMilliseconds(repeat.startAt).toZonedDateTimeISO(zoneOf(repeat));
  const every = Temporal.Duration.from(repeat.every as string);
  const nth = (n: number) => start.add(times(every, n)).epochMilliseconds;
  if (nth(1) - repeat.startAt < SHORTEST_MS) throw new RangeError('must be at least a second');
  const meanMs = (nth(100) - repeat.startAt) / 100;
  return (afterMs) => {
    let n = Math.max(0, Math.floor((afterMs - repeat.startAt) / meanMs));
    // Months, and the two days a year without 24 hours, make the estimate slightly wrong.
    while (nth(n) <= afterMs) n += 1;
    while (n > 0 && nth(n - 1) > afterMs) n -= 1;
    return nth(n);
  };
}

const UNITS = ['years', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'] as const;
const times = (every: Temporal.Duration, n: number) =>
  Temporal.Duration.from(Object.fromEntries(UNITS.map((unit) => [unit, every[unit] * n])));

/**
 * The last instant of the series up to `limitMs`, by bisection, because years may lie between. `firstMs` is an instant
 * of the series.
 */
function lastUpTo(limitMs: number, firstMs: number, after: Series): number {
  let last = firstMs;
  let beyond = limitMs;
  while (beyond - last >= SHORTEST_MS) {
    const middle = last + Math.floor((beyond - last) / 2);
    const next = after(middle) ?? Number.POSITIVE_INFINITY;
    if (next <= limitMs) last = next;
    else beyond = middle;
  }
  const following = after(last) ?? Number.POSITIVE_INFINITY;
  return following <= limitMs ? following : last;
}

const within = (dueAt: number | undefined, until: number) =>
  dueAt !== undefined && dueAt <= until ? dueAt : undefined;

const refusal = (field: string, message: string): Refusal => ({ code: 'invalidRepeat', field, message });

function refuseZone(repeat: Repeat): Refusal | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zoneOf(repeat) });
    return undefined;
  } catch {
    return refusal('repeat.zone', 'must be an IANA time zone, like Europe/Amsterdam');
  }
}

function refuseSeries(repeat: Repeat): Refusal | undefined {
  const field = repeat.cron === undefined ? 'repeat.every' : 'repeat.cron';
  try {
    const second = seriesOf(repeat)(repeat.startAt);
    if (second === undefined) return refusal(field, 'must come again');
    const beyond = refuseDueAt(second, repeat.startAt);
    return beyond && refusal(field, `its next due time ${beyond.message}`);
  } catch (error) {
    return refusal(field, (error as Error).message);
  }
}
