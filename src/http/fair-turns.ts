interface Line {
  waiting: (() => void)[];
}

/**
 * Gives turns to tenants' large pieces of work: at most `places` at a time, and one in each round of the event loop, so
 * that small requests come between. Tenants take turns, however much each of them has waiting.
 */
export function createFairTurns(places: number) {
  // A Map keeps its order. The tenant that had a turn goes to the end.
  const lines = new Map<string, Line>();
  let free = places;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled || free === 0 || lines.size === 0) return;
    isScheduled = true;
    // Not a microtask: those run before the next round.
    setImmediate(giveTurn);
  }

  function giveTurn(): void {
    isScheduled = false;
    const [tenant, line] = lines.entries().next().value as [string, Line];
    const next = line.waiting.shift();
    lines.delete(tenant);
    if (line.waiting.length > 0) lines.set(tenant, line);
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
      const line = lines.get(tenant) ?? { waiting: [] };
      line.waiting.push(granted);
      lines.set(tenant, line);
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
