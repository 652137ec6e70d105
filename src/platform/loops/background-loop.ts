import { setTimeout as pause } from 'node:timers/promises';

export interface BackgroundLoop {
  /** Ends the pause, so that known work does not wait for the next poll. */
  nudge(): void;
  /** Ends the pause after so long, if it lasts until then: for work that is collected for a moment. */
  nudgeIn(ms: number): void;
  /** Ends the loop after the present call of `work`. */
  stop(): Promise<void>;
}

/** The pause of a loop that has nothing to do before it is nudged. */
export const UNTIL_NUDGED_MS = 60_000;

// An outage lasts for seconds at least. Faster retries would only fill the log.
const PAUSE_AFTER_ERROR_MS = 1_000;

/**
 * Runs `work` again and again until stopped: at once while it returns 'more', else after `pauseMs` or a nudge. An error
 * goes to `onError`, and the next try follows after a pause, without end: what fails a loop is an outage, which ends. A
 * pause that differs from round to round is a function.
 */
export function runInBackground(
  work: () => Promise<'more' | 'idle'>,
  { pauseMs, onError }: { pauseMs: number | (() => number); onError(error: unknown): void },
): BackgroundLoop {
  let stopped = false;
  let nudged = false;
  let resting = new AbortController();
  let coming: NodeJS.Timeout | undefined;

  const finished = (async () => {
    while (!stopped) {
      nudged = false;
      const found = await work().catch((error) => {
        onError(error);
        return 'failed' as const;
      });
      if (stopped || nudged || found === 'more') continue;
      resting = new AbortController();
      const ownMs = typeof pauseMs === 'number' ? pauseMs : pauseMs();
      const restMs = found === 'failed' ? Math.max(ownMs, PAUSE_AFTER_ERROR_MS) : ownMs;
      // Only the abort rejects, and the abort is the wake-up.
      await pause(restMs, undefined, { signal: resting.signal }).catch(() => undefined);
    }
  })();

  const nudge = () => {
    nudged = true;
    resting.abort();
  };
  return {
    nudge,
    nudgeIn(ms) {
      if (stopped) return;
      coming ??= setTimeout(() => {
        coming = undefined;
        nudge();
      }, ms);
    },
    stop() {
      stopped = true;
      clearTimeout(coming);
      resting.abort();
      return finished;
    },
  };
}

/** Several loops as one part that is stopped. */
export const stoppedTogether = (loops: Pick<BackgroundLoop, 'stop'>[]): Pick<BackgroundLoop, 'stop'> => ({
  async stop() {
    await Promise.all(loops.map((loop) => loop.stop()));
  },
});
