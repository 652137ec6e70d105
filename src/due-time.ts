const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** An instant as callers may give it: epoch ms, a `Date`, or RFC 3339 with `Z` or an offset. */
export type InstantInput = number | Date | string;

/**
 * Epoch milliseconds of an instant, or NaN when it is none; fractions beyond the millisecond are cut off.
 * A local time without offset is none: it names another instant in every zone. Neither is 24:00, a leap second
 * or 30 February, which `Date.parse` would bend into a neighbour.
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

/** RFC 3339 in UTC, as every edge shows an instant. */
export const rfc3339 = (epochMs: number): string => new Date(epochMs).toISOString();
