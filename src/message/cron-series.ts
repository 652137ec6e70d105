import { Cron, type CronOptions } from 'croner';
import { instantOf, lastLocalTimeUpTo } from './local-time';
import type { Series } from './series';

const NICKNAMES: Record<string, string> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
// A colon would make croner take the text for a date.
const FIELD = /^[\w*,/?#+-]+$/;
// Farther ahead than a due time may be. Without the bound, croner looks for a date that never comes for a thousand years.
const YEARS_AHEAD = 21;
const LAST_YEAR = 9_999;
const UTC: CronOptions = { utcOffset: 0 };

/**
 * The instants of a cron expression in a zone. Fields are minute, hour, day, month, weekday; six begin with the second,
 * seven end with the year. Throws an `Error` for what is no such expression.
 *
 * Hours that are numbers, lists or ranges are local times. One that the clocks skip comes right after the gap, one that
 * they repeat comes the first time. Hours that are `*`, with a step or without, follow the clocks: a skipped time does
 * not come, and a repeated one comes twice.
 */
export function cronSeries(expression: string, zone: string): Series {
  const fields = fieldsOf(expression);
  const [, , hours = ''] = fields;
  const followsClocks = /[*?]/.test(hours);
  // Local times are looked for in UTC, which skips and repeats none.
  const searchIn = followsClocks ? { timezone: zone } : UTC;
  const ofYear = new Map<number, Cron | undefined>();
  function next(afterMs: number): number | undefined {
    const year = new Date(afterMs).getUTCFullYear();
    if (!ofYear.has(year)) ofYear.set(year, cronFrom(fields, year, searchIn));
    return ofYear.get(year)?.nextRun(new Date(afterMs))?.getTime();
  }
  return followsClocks ? next : inLocalTime(next, zone);
}

function fieldsOf(expression: string): string[] {
  const fields = (NICKNAMES[expression.trim().toLowerCase()] ?? expression).trim().split(/\s+/);
  if (fields.length < 5 || fields.length > 7 || !fields.every((field) => FIELD.test(field))) {
    throw new Error('must be five fields, from minute to weekday, six with seconds before, or seven with years behind');
  }
  if (fields.length === 5) fields.unshift('0');
  if (fields.length === 6) fields.push('*');
  return fields;
}

/** The expression in the years that a search reaches from this one. Undefined if it names none of them. */
function cronFrom(fields: string[], year: number, searchIn: CronOptions): Cron | undefined {
  // Local time may be in the year before or after.
  const reach = { first: Math.max(1, year - 1), last: Math.min(LAST_YEAR, year + YEARS_AHEAD) };
  const years = yearsOf(fields[6] as string, reach);
  return years === '' ? undefined : new Cron([...fields.slice(0, 6), years].join(' '), searchIn);
}

function yearsOf(field: string, { first, last }: { first: number; last: number }): string {
  if (/^[*?]$/.test(field)) return `${first}-${last}`;
  const newYears = new Cron(`0 0 0 1 1 * ${field}`, UTC);
  const years: number[] = [];
  for (let year = first; year <= last; year += 1) {
    if (newYears.match(new Date(new Date(0).setUTCFullYear(year)))) years.push(year);
  }
  return years.join(',');
}

/** The same local times as instants of a zone. */
function inLocalTime(next: Series, zone: string): Series {
  return (afterMs) => {
    let local = lastLocalTimeUpTo(afterMs, zone);
    for (;;) {
      const following = next(local);
      if (following === undefined) return undefined;
      const at = instantOf(following, zone);
      // More than one local time of a gap comes at its end, and only once.
      if (at > afterMs) return at;
      local = following;
    }
  };
}
