import { createTurnOrder } from '../platform/loops/turn-order';

/**
 * Gives turns to tenants' large pieces of work: at most `places` at a time, and one in each round of the event loop, so
 * that small requests come between. Tenants take turns, however much each of them has waiting.
 */
export function createFairTurns(places: number) {
  const lines = createTurnOrder<(() => void)[]>();
  let free = places;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled || free === 0 || lines.isEmpty()) return;
    isScheduled = true;
    // Not a microtask: those run before the next round.
    setImmediate(giveTurn);
  }

  function giveTurn(): void {
    isScheduled = false;
    const [tenant, line] = lines.inTurn().next().value as [string, (() => void)[]];
    const next = line.shift();
    lines.hadTurn(tenant, line.length > 0 ? line : undefined);
    free -= 1;
    schedule();
    next?.();
  }

  function leave(): void {
    free += 1;
    schedule();
  }

  /** Runs a piece of work of this tenant when it is its turn. */
  async function inTurn<Result>(tenant: string, work: () => Result): Promise<Awaited<Result>> {
    await new Promise<void>((granted) => {
      const line = lines.lineOf(tenant) ?? [];
      line.push(granted);
      lines.join(tenant, line);
      schedule();
    });
    try {
      return await work();
    } finally {
      leave();
    }
  }

  return { inTurn };
}
