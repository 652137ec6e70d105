import { HORIZON_MS } from './admission';
import { MISSED, type Repeat } from './contract';
import { cronSeries } from './cron-series';
import { epochMsOf, type InstantInput } from './due-time';
import { everySeries } from './every-series';
import type { Refusal } from './refusal';
import { lastUpTo, type Series } from './series';
import { isZoneName, knownZone } from './zone';

/** How a producer asks for a repeating message, with either `every` or `cron`. */
export interface RepeatInput extends Pick<Repeat, 'every' | 'cron' | 'zone' | 'maxCycles' | 'missed'> {
  until?: InstantInput;
}

// Longer than any text that a person writes, and short enough to be read a thousand times a second.
const MAX_TEXT = 1_000;
// The years 1 to 9999. Calendars cannot count from every instant that a number can name.
const EARLIEST_MS = -62_135_596_800_000;
const LATEST_MS = Date.UTC(9999, 0, 1);

/** The repeat as a message carries it. Its first cycle is due at `dueAt`. */
export function repeatFrom(input: RepeatInput, dueAt: number): Repeat {
  const { every, cron, zone, until, maxCycles, missed } = given(input);
  const untilMs = until === undefined ? undefined : epochMsOf(until);
  return { every, cron, zone, until: untilMs, maxCycles, missed, startAt: dueAt, at: dueAt, done: 0 };
}

/** Why a message cannot repeat like this. */
export function refuseRepeat(repeat: Repeat): Refusal | undefined {
  const { every, cron, until, maxCycles, missed, startAt, at, done } = given(repeat);
  if ((every === undefined) === (cron === undefined)) return refusal('repeat', 'must have one of every and cron');
  if (until !== undefined && !Number.isSafeInteger(until)) return refusal('repeat.until', 'must be an instant');
  if (maxCycles !== undefined && !(Number.isSafeInteger(maxCycles) && maxCycles >= 1)) {
    return refusal('repeat.maxCycles', 'must be a whole number from 1');
  }
  if (missed !== undefined && !MISSED.includes(missed)) return refusal('repeat.missed', `must be ${MISSED.join(', ')}`);
  if (![startAt, at].every(isInstant) || !Number.isSafeInteger(done))
    return refusal('repeat', 'must be made by a post');
  return refuseText('every', every) ?? refuseText('cron', cron) ?? refuseZone(repeat) ?? refuseSeries(repeat);
}

/** The zone of a repeat, if it has the form of a zone's name and this process's zone data lacks it. Another's may have it. */
export function missingZoneOf(repeat: Repeat): string | undefined {
  const zone = zoneOf(repeat);
  return isZoneName(zone) && knownZone(zone) === undefined ? zone : undefined;
}

/**
 * The due time of the cycle after the present one; undefined if the series is over. It is counted from the present
 * cycle's place in the series, not from its delivery or from a move, so the series does not drift.
 */
export function nextDueAt(repeat: Repeat, nowMs: number): number | undefined {
  const { at, until = Number.POSITIVE_INFINITY, maxCycles, done, missed = 'once' } = given(repeat);
  if (maxCycles !== undefined && done + 1 >= maxCycles) return undefined;
  const after = seriesOf(repeat);
  // A message that is due later than that cannot be posted.
  const limit = Math.min(until, nowMs + HORIZON_MS);
  const next = after(at);
  if (next === undefined || next > nowMs) return within(next, limit);
  switch (missed) {
    case 'all':
      return within(next, limit);
    case 'once':
      // The last missed cycle stands for all of them, unless it is due past the series' end.
      return within(lastUpTo(Math.min(nowMs, until), next, after), limit);
    case 'skip':
      return within(after(nowMs), limit);
    default:
      return missed satisfies never;
  }
}

/** Whether a series without a next due time ends as its post has asked, by `maxCycles` or `until`, and not by its calendar. */
export function endsAsAsked(repeat: Repeat, nowMs: number): boolean {
  const { maxCycles, until, done } = given(repeat);
  if (maxCycles !== undefined && done + 1 >= maxCycles) return true;
  return until !== undefined && nextDueAt({ ...repeat, until: undefined }, nowMs) !== undefined;
}

const FIELDS = ['every', 'cron', 'zone', 'until', 'maxCycles', 'missed', 'startAt', 'at', 'done'] as const;

// A message started by hand has anything in their place. Other languages write null for an absent field.
const given = <Fields extends object>(fields: Fields): Fields =>
  Object.fromEntries(
    FIELDS.flatMap((name) => {
      const value = (fields as Record<string, unknown>)[name] ?? undefined;
      return value === undefined ? [] : [[name, value]];
    }),
  ) as Fields;

const zoneOf = (repeat: Repeat): string => given(repeat).zone ?? 'UTC';

function seriesOf(repeat: Repeat): Series {
  const { every, cron, startAt } = given(repeat);
  const zone = knownZone(zoneOf(repeat));
  if (zone === undefined) throw new Error(`the zone data of this process lacks ${zoneOf(repeat)}`);
  return cron === undefined ? everySeries(every as string, zone, startAt) : cronSeries(cron, zone);
}

const within = (dueAt: number | undefined, until: number) =>
  dueAt !== undefined && dueAt <= until ? dueAt : undefined;

const isInstant = (value: number): boolean => Number.isSafeInteger(value) && value >= EARLIEST_MS && value < LATEST_MS;

const refusal = (field: string, message: string): Refusal => ({ code: 'invalidRepeat', field, message });

function refuseText(field: 'every' | 'cron', text: unknown): Refusal | undefined {
  if (text === undefined || (typeof text === 'string' && text.length <= MAX_TEXT)) return undefined;
  return refusal(`repeat.${field}`, `must be a text of at most ${MAX_TEXT} characters`);
}

const refuseZone = (repeat: Repeat): Refusal | undefined =>
  isZoneName(zoneOf(repeat)) && knownZone(zoneOf(repeat)) !== undefined
    ? undefined
    : refusal('repeat.zone', 'must be an IANA time zone, like Europe/Amsterdam');

function refuseSeries(repeat: Repeat): Refusal | undefined {
  const field = given(repeat).cron === undefined ? 'repeat.every' : 'repeat.cron';
  try {
    const second = seriesOf(repeat)(repeat.startAt);
    if (second === undefined) return refusal(field, 'must come again within 20 years');
    const isBeyond = second > repeat.startAt + HORIZON_MS;
    return isBeyond ? refusal(field, 'its next due time must be at most 20 years ahead') : undefined;
  } catch (error) {
    return refusal(field, (error as Error).message);
  }
}
