// A message that has failed for a year must not cost an attempt every few seconds.
const LONGEST_MS = 3_600_000;

/**
 * Exponential backoff by id, in memory: after each failure in a row an item is left alone for twice as long, from
 * `shortestMs` to an hour.
 */
export function createBackoff<Item>({ shortestMs }: { shortestMs: number }) {
  const entries = new Map<string, { item: Item; waitMs: number; untilAt: number }>();
  return {
    recordFailure(id: string, item: Item): void {
      const waitMs = Math.min(LONGEST_MS, 2 * (entries.get(id)?.waitMs ?? shortestMs / 2));
      entries.set(id, { item, waitMs, untilAt: Date.now() + waitMs });
    },
    reset: (id: string) => void entries.delete(id),
    isBackingOff: (id: string) => (entries.get(id)?.untilAt ?? 0) > Date.now(),
    /** Forgets items that may be tried again since an hour ago. Without this the memory would only grow. */
    prune(): void {
      for (const [id, { untilAt }] of entries) if (untilAt < Date.now() - LONGEST_MS) entries.delete(id);
    },
    /** The items that are to be left alone now. */
    backingOff(): Item[] {
      const now = Date.now();
      return [...entries.values()].filter(({ untilAt }) => untilAt > now).map(({ item }) => item);
    },
  };
}
