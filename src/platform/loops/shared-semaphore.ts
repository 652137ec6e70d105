import { createTurnOrder } from './turn-order';

/**
 * A counting semaphore whose permits are shared by several users, each with a name. A user has at most `each` permits. The last
 * free permit goes only to a user that has none. Users that wait take turns, and those without a permit come first.
 */
export function createSharedSemaphore({ permits, each }: { permits: number; each: number }) {
  const held = new Map<string, number>();
  const waiting = createTurnOrder<(() => void)[]>();
  let free = permits;
  const heldBy = (user: string) => held.get(user) ?? 0;

  function mayTake(user: string): boolean {
    const own = heldBy(user);
    return own === 0 ? free > 0 : own < each && free > 1;
  }

  function take(user: string): void {
    held.set(user, heldBy(user) + 1);
    free -= 1;
  }

  /** The user that gets the next permit, if one may. */
  function next(): string | undefined {
    const users = [...waiting.inTurn()].map(([user]) => user);
    return users.find((user) => heldBy(user) === 0 && mayTake(user)) ?? users.find(mayTake);
  }

  /** Resolves when the user has one more permit. */
  async function acquire(user: string): Promise<void> {
    const others = waiting.lineOf(user);
    if (!others && mayTake(user)) return take(user);
    await new Promise<void>((granted) => {
      if (others) others.push(granted);
      else waiting.join(user, [granted]);
    });
  }

  /** Gives one of the user's permits back. */
  function release(user: string): void {
    free += 1;
    if (heldBy(user) === 1) held.delete(user);
    else held.set(user, heldBy(user) - 1);
    waiting.hadTurn(user, waiting.lineOf(user));
    const lucky = next();
    if (lucky === undefined) return;
    const grants = waiting.lineOf(lucky) as (() => void)[];
    const granted = grants.shift() as () => void;
    waiting.hadTurn(lucky, grants.length > 0 ? grants : undefined);
    take(lucky);
    granted();
  }

  return { acquire, release };
}

export type SharedSemaphore = ReturnType<typeof createSharedSemaphore>;
