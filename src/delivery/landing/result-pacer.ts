import type { AfterLandings } from '../../platform/loops/after-landings';

/** An activity's result that is still to be reported to Temporal. */
export interface Result {
  report(): void;
  /** Resolves when the run has closed after the report, or after a time limit when that is unknown. */
  runClosed(): Promise<void>;
  /** Epoch ms by the local clock. Reported later than this, the attempt would have timed out. */
  deadlineAt: number;
}

export interface ResultPacer {
  add(results: Result[]): void;
  /** How many results are not reported yet. */
  backlog(): number;
}

// Results that are reported without waiting for Temporal.
const MIN_WINDOW = 8;
const MAX_WINDOW = 512;
// Below the first the server is idle enough for more at once. Above the second its queues have grown, and wakes wait in
// the same queues.
const QUICK_MS = 250;
const SLOW_MS = 750;

/**
 * Reports results to Temporal at the rate at which Temporal closes their runs. Thousands of results at once would delay the
 * wakes of the messages that are due next. So the pacer reports one window of results and waits until the run of the
 * last one has closed. The time that this took sizes the next window. A result close to its attempt's timeout is
 * reported at once. All others wait until no group is landing.
 */
export function createResultPacer(landingsOver: AfterLandings): ResultPacer {
  const waiting: Result[] = [];
  let window = MIN_WINDOW;
  let busy = false;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      await landingsOver();
      const urgent = waiting.findLastIndex(({ deadlineAt }) => deadlineAt <= Date.now()) + 1;
      const reported = waiting.splice(0, Math.max(window, urgent));
      for (const result of reported) result.report();
      // No result waits behind these, so single messages cost no question to Temporal.
      if (waiting.length === 0) break;
      const startedAt = Date.now();
      await reported.at(-1)?.runClosed();
      const tookMs = Date.now() - startedAt;
      if (tookMs < QUICK_MS) window = Math.min(MAX_WINDOW, window * 2);
      else if (tookMs > SLOW_MS) window = Math.max(MIN_WINDOW, Math.floor(window / 2));
    }
    busy = false;
  }

  return {
    add(results) {
      waiting.push(...results);
      if (busy) return;
      busy = true;
      // A landing adds its whole group before the first result is reported.
      setImmediate(() => void drain());
    },
    backlog: () => waiting.length,
  };
}
