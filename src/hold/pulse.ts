/** Something that Temporal takes for dead when it is silent for `timeoutMs`. */
export interface Beating {
  heartbeat(): void;
  timeoutMs: number;
}

const LOOK_MS = 1_000;
// What a heartbeat may take to arrive. As late as can be: thousands of them in the guard would cost Temporal, and the
// landings beside it, as much as wakes do.
const ARRIVING_MS = 15_000;

/**
 * Sends heartbeats for whatever will soon have been silent for its timeout: one timer for all of them, and none sent
 * for what is over before.
 */
export function createPulse() {
  const silentSince = new Map<Beating, number>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [beating, since] of silentSince) {
      if (Date.now() - since < Math.max(beating.timeoutMs / 2, beating.timeoutMs - ARRIVING_MS)) continue;
      silentSince.set(beating, Date.now());
      beating.heartbeat();
    }
  }

  return {
    /** Takes it in; the returned function lets it go. */
    add(beating: Beating): () => void {
      silentSince.set(beating, Date.now());
      timer ??= setInterval(look, LOOK_MS);
      return () => {
        silentSince.delete(beating);
        if (silentSince.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

export type Pulse = ReturnType<typeof createPulse>;
