/** A body with one message: its payload may have 16 KB, written with escapes some more. */
export const MAX_BODY_BYTES = 64 * 1024;
/** A body with many. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;
export const MAX_BATCH_MESSAGES = 1_000;
export const MAX_LISTED = 200;
/** Of objects and arrays in each other. */
export const MAX_DEPTH = 32;
/** A request that takes longer to arrive is cut off. */
export const ARRIVAL_TIMEOUT_MS = 30_000;

export interface RateLimit {
  /** Takes what a request costs from this caller; when the caller is out of tokens, after how many seconds to come again. */
  take(caller: string, tokens: number): { retryAfterSeconds: number } | undefined;
}

/**
 * A token bucket per caller, in this process's memory: so many a second, and twice as many at once. Whoever has a token
 * may spend more than that and waits longer for the next, so that a batch larger than the bucket is still possible. Beyond
 * so many `callers` the one that was not seen for longest is forgotten.
 */
export function createRateLimit(
  perSecond: number,
  { nowMs = () => performance.now(), callers = Number.POSITIVE_INFINITY }: { nowMs?(): number; callers?: number } = {},
): RateLimit {
  // In the order in which they were last seen.
  const buckets = new Map<string, { tokens: number; filledAtMs: number }>();
  return {
    take(caller, tokens) {
      const now = nowMs();
      const { tokens: left, filledAtMs } = buckets.get(caller) ?? { tokens: 2 * perSecond, filledAtMs: now };
      const filled = Math.min(2 * perSecond, left + ((now - filledAtMs) / 1_000) * perSecond);
      const spent = filled >= 1 ? filled - tokens : filled;
      buckets.delete(caller);
      buckets.set(caller, { tokens: spent, filledAtMs: now });
      if (buckets.size > callers) buckets.delete(buckets.keys().next().value as string);
      return filled >= 1 ? undefined : { retryAfterSeconds: Math.ceil((1 - filled) / perSecond) };
    },
  };
}
