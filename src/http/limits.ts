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
 * may spend more than that and waits longer for the next, so that a batch larger than the bucket is still possible.
 */
export function createRateLimit(perSecond: number, nowMs: () => number = () => performance.now()): RateLimit {
  const buckets = new Map<string, { tokens: number; filledAtMs: number }>();
  return {
    take(caller, tokens) {
      const now = nowMs();
      const { tokens: left, filledAtMs } = buckets.get(caller) ?? { tokens: 2 * perSecond, filledAtMs: now };
      const filled = Math.min(2 * perSecond, left + ((now - filledAtMs) / 1_000) * perSecond);
      const spent = filled >= 1 ? filled - tokens : filled;
      buckets.set(caller, { tokens: spent, filledAtMs: now });
      return filled >= 1 ? undefined : { retryAfterSeconds: Math.ceil((1 - filled) / perSecond) };
    },
  };
}
