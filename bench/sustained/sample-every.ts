import { setTimeout as pause } from 'node:timers/promises';

/** Looks again and again until stopped; promises every look, the oldest first. */
export function sampleEvery<Seen>(intervalMs: number, look: () => Promise<Seen>): { stop(): Promise<Seen[]> } {
  const seen: Seen[] = [];
  const stopping = new AbortController();
  const finished = (async () => {
    while (!stopping.signal.aborted) {
      seen.push(await look());
      // Only the abort rejects.
      await pause(intervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await finished;
      return seen;
    },
  };
}
