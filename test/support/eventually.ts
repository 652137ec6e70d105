import { until } from '../../local/processes';

// Generous, as it only ends tests that fail: two cores carry servers, workers and the bundler at one time.
const TIMEOUT_MS = 60_000;

/** Waits until `check` no longer throws; after the deadline throws what it last threw. */
export const eventually = <Result>(check: () => Promise<Result>, timeoutMs = TIMEOUT_MS): Promise<Result> =>
  until(check, timeoutMs);
