import type { DatabaseClock } from '../database-clock';

/** Items by the instant at which they are due. */
export interface DueTimes<Item> {
  add(at: number, item: Item): void;
  remove(at: number, item: Item): void;
}

/** Calls `onDue` with all items of an instant when the clock reaches it: one timer per instant, however many items. */
export function createDueTimes<Item>(
  clock: Pick<DatabaseClock, 'now'>,
  onDue: (items: Item[]) => void,
): DueTimes<Item> {
  const instants = new Map<number, { items: Set<Item>; timer: NodeJS.Timeout }>();

  function start(at: number): { items: Set<Item>; timer: NodeJS.Timeout } {
    const items = new Set<Item>();
    const fire = () => {
      instants.delete(at);
      onDue([...items]);
    };
    // Rounded up: a timer that ends a fraction too early would have the database asked twice.
    const instant = { items, timer: setTimeout(fire, Math.max(0, Math.ceil(at - clock.now()))) };
    instants.set(at, instant);
    return instant;
  }

  return {
    add: (at, item) => void (instants.get(at) ?? start(at)).items.add(item),
    remove(at, item) {
      const instant = instants.get(at);
      if (!instant?.items.delete(item) || instant.items.size > 0) return;
      clearTimeout(instant.timer);
      instants.delete(at);
    },
  };
}
