/** The first instant of a series after the given one, epoch ms; undefined if there is none within 20 years. */
export type Series = (afterMs: number) => number | undefined;

// Temporal keeps a second between two runs of a workflow. What repeats faster is a loop, not a calendar.
export const SHORTEST_MS = 1_000;

/**
 * The last instant of the series up to `limitMs`, by bisection, because years may lie between. `firstMs` is an instant
 * of the series.
 */
export function lastUpTo(limitMs: number, firstMs: number, after: Series): number {
  let last = firstMs;
  let beyond = limitMs;
  while (beyond - last >= SHORTEST_MS) {
    const middle = last + Math.floor((beyond - last) / 2);
    const next = after(middle) ?? Number.POSITIVE_INFINITY;
    if (next <= limitMs) last = next;
    else beyond = middle;
  }
  const following = after(last) ?? Number.POSITIVE_INFINITY;
  return following <= limitMs ? following : last;
}
