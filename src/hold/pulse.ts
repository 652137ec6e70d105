/** Something that Temporal takes for dead when it is silent for `timeoutMs`. */
export interface Beating {
  heartbeat(): void;
  timeoutMs: number;
}

const LOOK_MS = 1_000;

/**
 * Sends heartbeats for whatever has been silent for half its timeout: one timer for all of them, and none sent for
 * what is over within that time.
 */
export function createPulse() {
  const silentSince = new Map<Beating, number>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [beating, since] of silentSince) {
      if (Date.now() - since < beating.timeoutMs / 2) continue;
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
