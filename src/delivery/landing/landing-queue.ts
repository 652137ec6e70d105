import type { SharedSemaphore } from '../../platform/loops/shared-semaphore';
import type { HeldMessage } from '../held/held-message';
import { createTenantQueues } from './tenant-queues';

/**
 * The messages of one topic that wait for one kind of landing, in groups or each alone. Starts one landing after the other
 * while messages wait, and chooses the messages of each as late as it can: what comes meanwhile has its turn.
 */
export function createLandingQueue({
  topic,
  permits,
  signal,
  admit,
  land,
}: {
  topic: string;
  permits: SharedSemaphore;
  signal: AbortSignal;
  /** Resolves with how many of so many waiting messages may land, when they may. */
  admit(waiting: number): Promise<() => number>;
  /** Lands messages, which are taken when a transaction is free. Never throws. */
  land(messages: HeldMessage[], left: number): Promise<void>;
}) {
  const waiting = createTenantQueues();
  let busy = false;
  let landings = 0;

  async function landWaiting(): Promise<void> {
    busy = true;
    while (waiting.size() > 0 && !signal.aborted) {
      const size = await admit(waiting.size());
      landings += 1;
      await permits.acquire(topic);
      const messages = waiting.take(size());
      if (messages.length > 0) void land(messages, waiting.size()).finally(landed);
      // They were given up meanwhile.
      else landed();
    }
    busy = false;
  }

  function landed(): void {
    landings -= 1;
    permits.release(topic);
  }

  return {
    add: waiting.add,
    size: waiting.size,
    giveUpOne: waiting.giveUpOne,
    /** To be called after messages were added. */
    startLandings(): void {
      if (!busy) void landWaiting();
    },
    /** Whether messages are landing, or wait for a transaction. */
    isLanding: (): boolean => landings > 0,
  };
}

export type LandingQueue = ReturnType<typeof createLandingQueue>;
