import type { DatabaseClock } from '../../platform/database/clock';

/** Items by the instant at which they are due. */
export interface DueTimes<Item> {
  /** `soonestMs`: the item does not come before, even if the clock says that it is due. */
  add(at: number, item: Item, wait?: { soonestMs: number }): void;
  remove(at: number, item: Item): void;
  /** To be called after the clock has jumped: until then all timers run by the time before the jump. */
  resetTimers(): void;
}

// The longest delay of setTimeout. With a longer one its timer fires at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls `onDue` with all items of an instant when the clock reaches it: one timer per instant, however many items. */
export function createDueTimes<Item>(
  clock: Pick<DatabaseClock, 'now'>,
  onDue: (items: Item[]) => void,
): DueTimes<Item> {
  const instants = new Map<number, { items: Set<Item>; timer: NodeJS.Timeout }>();

  function timerFor(at: number, items: Set<Item>, soonestMs: number): NodeJS.Timeout {
    const fire = () => {
      instants.delete(at);
      onDue([...items]);
    };
    // Rounded up: a timer that fires a fraction too early would cost a second question to the database.
    const inMs = Math.max(soonestMs, Math.ceil(at - clock.now()));
    return setTimeout(fire, Math.min(inMs, LONGEST_TIMER_MS));
  }

  return {
    add(at, item, { soonestMs } = { soonestMs: 0 }) {
      const known = instants.get(at);
      if (known) return void known.items.add(item);
      const items = new Set([item]);
      instants.set(at, { items, timer: timerFor(at, items, soonestMs) });
    },
    remove(at, item) {
      const instant = instants.get(at);
      if (!instant?.items.delete(item) || instant.items.size > 0) return;
      clearTimeout(instant.timer);
      instants.delete(at);
    },
    resetTimers() {
      for (const [at, instant] of instants) {
        clearTimeout(instant.timer);
        instant.timer = timerFor(at, instant.items, 0);
      }
    },
  };
}
