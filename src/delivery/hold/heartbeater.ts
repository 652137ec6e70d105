/** An activity that Temporal takes for dead when no heartbeat comes for `timeoutMs`. */
export interface Heartbeating {
  heartbeat(): void;
  timeoutMs: number;
}

const LOOK_MS = 1_000;
// How long a heartbeat may take to arrive. Heartbeats are sent as late as possible: thousands of them shortly before a due
// instant would cost Temporal as much as wakes do.
const ARRIVING_MS = 15_000;

/** Sends each activity's heartbeat shortly before its timeout, with one timer for all. A short activity sends none. */
export function createHeartbeater() {
  const silentSince = new Map<Heartbeating, number>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [activity, since] of silentSince) {
      if (Date.now() - since < Math.max(activity.timeoutMs / 2, activity.timeoutMs - ARRIVING_MS)) continue;
      silentSince.set(activity, Date.now());
      activity.heartbeat();
    }
  }

  return {
    /** Sends heartbeats for this activity until the returned function is called. */
    add(activity: Heartbeating): () => void {
      silentSince.set(activity, Date.now());
      timer ??= setInterval(look, LOOK_MS);
      return () => {
        silentSince.delete(activity);
        if (silentSince.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}

export type Heartbeater = ReturnType<typeof createHeartbeater>;
