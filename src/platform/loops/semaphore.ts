/** A counting semaphore: `permits` holders at a time, served in the order in which they asked. */
export function createSemaphore(permits: number) {
  const waiting: (() => void)[] = [];
  let free = permits;

  /** Resolves when the caller has a permit. */
  async function acquire(): Promise<void> {
    if (free > 0) free -= 1;
    else await new Promise<void>((granted) => waiting.push(granted));
  }

  /** Whether the caller has a permit now; it does not wait for one. */
  function tryAcquire(): boolean {
    if (free === 0) return false;
    free -= 1;
    return true;
  }

  /** Gives a permit back, to the first that waits. */
  function release(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }

  return { acquire, tryAcquire, release };
}

export type Semaphore = ReturnType<typeof createSemaphore>;
