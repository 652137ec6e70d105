// Before the first measurement: what a busy server gives.
const FIRST_PER_SECOND = 500;
// The newest fetch counts for so much. A few messages say little of thousands.
const WEIGHT = 0.5;
const FEWEST = 100;

/** How many messages a second this worker fetches by sets, by its last fetches. */
export function createFetchRate() {
  let rate = FIRST_PER_SECOND;
  return {
    perSecond: (): number => rate,
    fetched(messages: number, tookMs: number): void {
      if (messages < FEWEST) return;
      rate = rate * (1 - WEIGHT) + ((messages * 1_000) / Math.max(1, tookMs)) * WEIGHT;
    },
  };
}
