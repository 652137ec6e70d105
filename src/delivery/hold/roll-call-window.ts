// What two cores wake beside other work, with some to spare.
const WAKES_PER_SECOND = 15;
// As many are read one by one, ten at a time, before the first of them is due.
const READ_ONE_BY_ONE = 100;
// A longer lead is no reason to list messages more often.
const LONGEST_NEAR_MS = 60_000;
// How far ahead a burst may be seen before its lead: 150,000 messages, at 1,000 a second and twice the time.
const LONGEST_FETCH_MS = 300_000;
// The window of bursts is counted this often only: counting it costs Temporal more than counting what is due in a moment.
const BURSTS_EVERY_MS = 5_000;
// A fetch takes so many times as long as the last ones say, when the server is busy.
const SAFETY = 2;
// Until the look that begins it.
const SLACK_MS = 3_000;

/** A part of the time ahead in which messages are missing: no worker holds them. */
export interface Look {
  /** It ends in so many ms. */
  reachMs: number;
  missing: number;
  /** More than could be woken, or read one by one, in time: they are fetched by sets, many with each request. */
  bySets: boolean;
}

/**
 * How far ahead a topic's roll call looks. Without a burst it looks for what should have woken, in the guard. If more messages
 * are missing than wakes can bring within the lead, it begins before the lead, and earlier the more they are: as early as a
 * fetch of so many takes, by the measured rate. `always`: the topic's messages are fetched by sets outside of bursts, too.
 */
export function createRollCallWindow(
  { leadMs, guardMs, always }: { leadMs: number; guardMs: number; always: boolean },
  { countMissing, perSecond }: { countMissing(reachMs: number): Promise<number>; perSecond(): number },
) {
  // Three quarters of a guard, and a look each half guard: each message is seen while it is due in a quarter to three
  // quarters of a guard.
  const guardedMs = (guardMs * 3) / 4;
  // All are fetched by sets: a look that fails is followed by others before the first of them is due.
  const nearMs = always ? Math.max(guardedMs, Math.min(leadMs / 2, LONGEST_NEAR_MS)) : guardedMs;
  const broughtByWakes = (WAKES_PER_SECOND * (leadMs - guardMs)) / 1_000;
  let burstsAskedAt = Number.NEGATIVE_INFINITY;
  let burstReachMs = 0;

  async function lookForBursts(): Promise<void> {
    if (performance.now() - burstsAskedAt < BURSTS_EVERY_MS) return;
    const missing = await countMissing(leadMs + LONGEST_FETCH_MS);
    burstsAskedAt = performance.now();
    const fetchMs = Math.min(LONGEST_FETCH_MS, SLACK_MS + (SAFETY * missing * 1_000) / perSecond());
    burstReachMs = missing > broughtByWakes ? leadMs + fetchMs : 0;
  }

  return {
    /** What is missing of a burst that wakes cannot bring in time, if there is one. */
    async burst(): Promise<Look | undefined> {
      await lookForBursts();
      if (burstReachMs === 0) return undefined;
      const missing = await countMissing(burstReachMs);
      return missing > broughtByWakes ? { reachMs: burstReachMs, missing, bySets: true } : undefined;
    },
    /** What is missing in the guard, or a little before it if all are fetched by sets. */
    async near(): Promise<Look> {
      const missing = await countMissing(nearMs);
      return { reachMs: nearMs, missing, bySets: always || missing > READ_ONE_BY_ONE };
    },
  };
}
