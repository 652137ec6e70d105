import type { AfterLandings } from './after-landings';

/** A result that waits to be told to Temporal. */
export interface Result {
  tell(): void;
  /** Resolves when the run that was told has moved on, or when nobody knows after a while. */
  movedOn(): Promise<void>;
  /** By the local clock: told later than this, the attempt would have timed out. */
  deadlineAt: number;
}

export interface Release {
  add(results: Result[]): void;
  backlog(): number;
}

const MIN_WINDOW = 8;
const MAX_WINDOW = 512;
// Below the first the server is idle enough for more at once; above the second its queues have grown, and wakes that
// are on their way stand in the same ones.
const QUICK_MS = 250;
const SLOW_MS = 750;

/**
 * Tells results to Temporal at the pace at which it deals with them. Thousands told at once would stand in the way of
 * the wakes of whatever is due next. So a window of them is told; when the last of it has moved on, the time that this
 * took sizes the next window. Results close to their attempt's timeout are told at once; all others let
 * landings go first.
 */
export function createRelease(landingsOver: AfterLandings): Release {
  const waiting: Result[] = [];
  let window = MIN_WINDOW;
  let busy = false;

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      await landingsOver();
      const urgent = waiting.findLastIndex(({ deadlineAt }) => deadlineAt <= Date.now()) + 1;
      const told = waiting.splice(0, Math.max(window, urgent));
      for (const result of told) result.tell();
      // With nothing behind it nobody has to wait, and single messages cost no question.
      if (waiting.length === 0) break;
      const startedAt = Date.now();
      await told.at(-1)?.movedOn();
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
      // A landing adds its whole group before the first of it is told.
      setImmediate(() => void drain());
    },
    backlog: () => waiting.length,
  };
}
