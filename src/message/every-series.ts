import { Temporal } from 'temporal-polyfill';
import { type Series, SHORTEST_MS } from './series';

/**
 * The multiples of an ISO 8601 duration from a start, in the calendar of a zone: a series begun on a 31st is on the 31st
 * in every month that has one. A local time that the clocks skip is later by what they skip. Throws a `RangeError` for
 * what is no such duration.
 */
export function everySeries(duration: string, zone: string, startAt: number): Series {
  const start = Temporal.Instant.fromEpochMilliseconds(startAt).toZonedDateTimeISO(zone);
  const every = Temporal.Duration.from(duration);
  const nth = (n: number) => start.add(times(every, n)).epochMilliseconds;
  if (nth(1) - startAt < SHORTEST_MS) throw new RangeError('must be at least a second');
  const meanMs = (nth(100) - startAt) / 100;
  return (afterMs) => {
    let n = Math.max(0, Math.floor((afterMs - startAt) / meanMs));
    // Months, and the two days a year without 24 hours, make the estimate slightly wrong.
    while (nth(n) <= afterMs) n += 1;
    while (n > 0 && nth(n - 1) > afterMs) n -= 1;
    return nth(n);
  };
}

const UNITS = ['years', 'months', 'weeks', 'days', 'hours', 'minutes', 'seconds', 'milliseconds'] as const;
const times = (every: Temporal.Duration, n: number) =>
  Temporal.Duration.from(Object.fromEntries(UNITS.map((unit) => [unit, every[unit] * n])));
