import { Temporal } from 'temporal-polyfill';

// A local time of a zone is given as the instant at which UTC shows it, in epoch ms.

/** When a zone shows a local time: the first time if it does twice; right after the gap if it never does. */
export function instantOf(local: number, zone: string): number {
  const { first, last } = instantsOf(local, zone);
  if (first === last) return first;
  const isInGap = first + offsetMsOf(first, zone) !== local;
  return isInGap ? changeBetween(first, last, zone) : first;
}

/** The latest local time that a zone has shown by then. While an hour is repeated, that is the end of the hour. */
export function lastLocalTimeUpTo(epochMs: number, zone: string): number {
  const local = epochMs + offsetMsOf(epochMs, zone);
  const { first } = instantsOf(local, zone);
  if (first >= epochMs) return local;
  return changeBetween(first, epochMs, zone) + offsetMsOf(first, zone) - 1;
}

const offsetMsOf = (epochMs: number, zone: string) =>
  Temporal.Instant.fromEpochMilliseconds(epochMs).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6;

/** The first and the last instant of a local time. In a gap, those an offset of before and of after it would give. */
function instantsOf(local: number, zone: string): { first: number; last: number } {
  const date = new Date(local);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const [hour, minute, second] = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
  const time = new Temporal.PlainDateTime(year, month, day, hour, minute, second, date.getUTCMilliseconds());
  const instant = (disambiguation: 'earlier' | 'later') =>
    time.toZonedDateTime(zone, { disambiguation }).epochMilliseconds;
  return { first: instant('earlier'), last: instant('later') };
}

/** The instant at which the offset changes, between two of different offsets. */
function changeBetween(beforeMs: number, afterMs: number, zone: string): number {
  const offsetMs = offsetMsOf(beforeMs, zone);
  let [before, after] = [beforeMs, afterMs];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetMsOf(middle, zone) === offsetMs) before = middle;
    else after = middle;
  }
  return after;
}
