/** Runs work in turns, at most so many at a time, in the order in which it came. */
export function createTurns(atATime: number) {
  const waiting: (() => void)[] = [];
  let free = atATime;

  async function enter(): Promise<void> {
    if (free > 0) free -= 1;
    else await new Promise<void>((turn) => waiting.push(turn));
  }

  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }

  return { enter, leave };
}
