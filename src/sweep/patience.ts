// A message in trouble for a year must not cost a look every few seconds.
const LONGEST_MS = 3_600_000;

/** Remembers what is not to be looked at again for a while; each time in a row the while is twice as long. */
export function createPatience<Item>({ shortestMs }: { shortestMs: number }) {
  const known = new Map<string, { item: Item; waitMs: number; untilAt: number }>();
  return {
    failed(id: string, item: Item): void {
      const waitMs = Math.min(LONGEST_MS, 2 * (known.get(id)?.waitMs ?? shortestMs / 2));
      known.set(id, { item, waitMs, untilAt: Date.now() + waitMs });
    },
    forget: (id: string) => void known.delete(id),
    has: (id: string) => (known.get(id)?.untilAt ?? 0) > Date.now(),
    /** Drops what has not failed for so long that it is news again; without it the memory would only grow. */
    tidy(): void {
      for (const [id, { untilAt }] of known) if (untilAt < Date.now() - LONGEST_MS) known.delete(id);
    },
    /** What is not to be looked at now. */
    waiting(): Item[] {
      const now = Date.now();
      return [...known.values()].filter(({ untilAt }) => untilAt > now).map(({ item }) => item);
    },
  };
}
