import { setTimeout as pause } from 'node:timers/promises';

export interface BackgroundLoop {
  /** Ends the pause, so that known work does not wait for the next poll. */
  nudge(): void;
  /** Ends the loop after the present call of `work`. */
  stop(): Promise<void>;
}

// An outage lasts for seconds at least. Faster retries would only fill the log.
const PAUSE_AFTER_ERROR_MS = 1_000;

/**
 * Runs `work` again and again until stopped: at once while it returns 'more', else after `pauseMs` or a nudge. An error
 * goes to `onError`, and the next try follows after a pause, without end: what fails a loop is an outage, which ends.
 */
export function runInBackground(
  work: () => Promise<'more' | 'idle'>,
  { pauseMs, onError }: { pauseMs: number; onError(error: unknown): void },
): BackgroundLoop {
  let stopped = false;
  let nudged = false;
  let resting = new AbortController();

  const finished = (async () => {
    while (!stopped) {
      nudged = false;
      const found = await work().catch((error) => {
        onError(error);
        return 'failed' as const;
      });
      if (stopped || nudged || found === 'more') continue;
      resting = new AbortController();
      const restMs = found === 'failed' ? Math.max(pauseMs, PAUSE_AFTER_ERROR_MS) : pauseMs;
      // Only the abort rejects, and the abort is the wake-up.
      await pause(restMs, undefined, { signal: resting.signal }).catch(() => undefined);
    }
  })();

  return {
    nudge() {
      nudged = true;
      resting.abort();
    },
    stop() {
      stopped = true;
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
