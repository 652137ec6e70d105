import { until } from '../../local/processes';

// Generous, as it only ends tests that fail: two cores carry servers, workers and the bundler at one time.
const TIMEOUT_MS = 120_000;

/** Waits until `check` no longer throws; after the deadline throws what it last threw. */
export const eventually = <Result>(check: () => Promise<Result>, timeoutMs = TIMEOUT_MS): Promise<Result> =>
  until(check, timeoutMs);

/** The same for what happens after an instant, which a slow machine puts off: the time-out counts from then. */
export const eventuallyAfter = <Result>(instant: number, check: () => Promise<Result>): Promise<Result> =>
  eventually(check, Math.max(0, instant - Date.now()) + TIMEOUT_MS);
