/** The largest body of one message. A payload may have 16 KB; JSON escapes make it longer. */
export const MAX_BODY_BYTES = 64 * 1024;
/** The largest body of a batch. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;
export const MAX_BATCH_MESSAGES = 1_000;
export const MAX_LISTED = 200;
/** How much of a body is read in one go. Other requests, and landings in the same process, come between the slices. */
export const SLICE_CHARACTERS = 32 * 1024;
/** A request that takes longer to arrive is cut off. */
export const ARRIVAL_TIMEOUT_MS = 30_000;

/** A rate limit's answer to a caller that is out of tokens: the seconds after which to try again. */
export interface OutOfTokens {
  retryAfterSeconds: number;
}

export interface RateLimit {
  /** Charges a cost to this caller, or returns that it is out of tokens. Then nothing is charged. */
  take(caller: string, tokens: number): OutOfTokens | undefined;
  /** Gives tokens back that were charged for work that is not to be paid for. */
  giveBack(caller: string, tokens: number): void;
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

  function tokensOf(caller: string): number {
    const now = nowMs();
    const { tokens, filledAtMs } = buckets.get(caller) ?? { tokens: 2 * perSecond, filledAtMs: now };
    return Math.min(2 * perSecond, tokens + ((now - filledAtMs) / 1_000) * perSecond);
  }

  function keep(caller: string, tokens: number): void {
    buckets.delete(caller);
    buckets.set(caller, { tokens, filledAtMs: nowMs() });
    if (buckets.size > callers) buckets.delete(buckets.keys().next().value as string);
  }

  return {
    take(caller, cost) {
      const tokens = tokensOf(caller);
      const isOut = tokens < 1;
      keep(caller, isOut ? tokens : tokens - cost);
      return isOut ? { retryAfterSeconds: Math.ceil((1 - tokens) / perSecond) } : undefined;
    },
    giveBack: (caller, tokens) => keep(caller, Math.min(2 * perSecond, tokensOf(caller) + tokens)),
  };
}
