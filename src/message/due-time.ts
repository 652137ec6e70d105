const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** An instant as callers may give it: epoch ms, a `Date`, or RFC 3339 with `Z` or an offset. */
export type InstantInput = number | Date | string;

/**
 * Epoch milliseconds of an instant, or NaN if it is none. Fractions beyond the millisecond are cut off. A local time
 * without offset is none: it names another instant in every zone. 24:00, a leap second and 30 February are none either:
 * `Date.parse` would shift them.
 */
export function epochMsOf(instant: unknown): number {
  if (typeof instant === 'number') return instant;
  if (instant instanceof Date) return instant.getTime();
  if (typeof instant !== 'string') return Number.NaN;
  const parts = RFC_3339.exec(instant);
  if (!parts) return Number.NaN;
  const [, year, month, day, hour] = parts.map(Number) as [number, number, number, number, number];
  const dayExists = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
  return dayExists && hour < 24 ? Date.parse(instant) : Number.NaN;
}

/** RFC 3339 in UTC, the form in which every edge shows an instant. */
export const rfc3339 = (epochMs: number): string => new Date(epochMs).toISOString();
