import type { Pool } from 'pg';
import { type BackgroundLoop, runInBackground, stoppedTogether } from '../platform/loops/background-loop';
import { createSemaphore, type Semaphore } from '../platform/loops/semaphore';
import { type Consumer, defineConsumer, subscribe } from './consumer';
import { handleRound } from './handle-round';
import { divide } from './partition-change';
import type { SetAside } from './set-aside';

// The first loop of a consumer looks each second, or as it was told to. The others are for its further partitions.
const FURTHER_PAUSE_MS = 5_000;

/** How many partitions a process may handle at a time beside the first of each consumer, each with a connection of its own. */
export const furtherPartitions = (connections: number): number => Math.max(1, Math.floor(connections * 0.1));

/**
 * Consumes until stopped, at the consumer's own pace. Throws a `ConfigError` if its declaration is unusable. `nudge` it when the stream has grown. Workers of one consumer share its
 * partitions: each takes the one that has waited longest, round by round, so those of a worker that dies go on in others.
 */
export function startConsumer(
  pool: Pool,
  consumer: Consumer,
  {
    onError,
    onAside = () => undefined,
    pauseMs = 1_000,
    further = createSemaphore(1),
  }: { onError(error: unknown): void; onAside?(aside: SetAside): void; pauseMs?: number; further?: Semaphore },
): BackgroundLoop {
  // One that was not declared by it may have any number.
  const { partitions = 1 } = defineConsumer(consumer);
  let subscribed = false;

  async function consume(place: number): Promise<'more' | 'idle'> {
    if (place === 0 && !subscribed) {
      await subscribe(pool, consumer);
      await divide(pool, consumer);
      subscribed = true;
    }
    // The first one needs no permit: no consumer waits for another.
    if (place > 0 && !further.tryAcquire()) return 'idle';
    try {
      const round = await handleRound(pool, consumer, { patient: true });
      if (!round) return 'idle';
      for (const error of round.errors) onError(error);
      // Those behind another follow from its line.
      for (const aside of round.aside) if (aside.behind === undefined) onAside(aside);
      if (round.done > 0) loops[place + 1]?.nudge();
      return 'more';
    } finally {
      if (place > 0) further.release();
    }
  }

  const loops: BackgroundLoop[] = Array.from({ length: partitions }, (_, place) =>
    // Usually a hint comes first. This poll is for hints that were lost with their connection.
    runInBackground(() => consume(place), { pauseMs: place === 0 ? pauseMs : FURTHER_PAUSE_MS, onError }),
  );
  return {
    ...stoppedTogether(loops),
    nudge() {
      for (const loop of loops) loop.nudge();
    },
    nudgeIn(ms) {
      for (const loop of loops) loop.nudgeIn(ms);
    },
  };
}
