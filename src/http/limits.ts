/** The largest body of one message. A payload may have 16 KB; JSON escapes make it longer. */
export const MAX_BODY_BYTES = 64 * 1024;
/** The largest body of a batch. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;
export const MAX_BATCH_MESSAGES = 1_000;
export const MAX_LISTED = 200;
/** How deeply objects and arrays may be nested. */
export const MAX_DEPTH = 32;
/** A request that takes longer to arrive is cut off. */
export const ARRIVAL_TIMEOUT_MS = 30_000;

export interface RateLimit {
  /**
   * Charges a request's cost to this caller. If the caller is out of tokens, returns the seconds after which to try
   * again.
   */
  take(caller: string, tokens: number): { retryAfterSeconds: number } | undefined;
}

/**
 * A token bucket per caller, in this process's memory. It fills by `perSecond` and holds twice as much. A caller with
 * at least one token may overdraw the bucket and then waits longer; a batch larger than the bucket is possible that
 * way. Beyond `callers` entries, the caller that was seen longest ago is forgotten.
 */
export function createRateLimit(
  perSecond: number,
  { nowMs = () => performance.now(), callers = Number.POSITIVE_INFINITY }: { nowMs?(): number; callers?: number } = {},
): RateLimit {
  // In the order in which the callers were last seen.
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
