import type { Pool } from 'pg';
import { runInBackground } from '../background-loop';
import type { Delivery } from '../contract';
import { createSemaphore } from '../landing/semaphore';
import { deleteHeld, writeHeld } from './held-rows';

// Whatever is due sooner would have landed before anybody could take it over.
const WORTH_WRITING_MS = 1_000;
// Collected for as long, so that a burst of wakes costs a few statements and not thousands.
const COLLECT_MS = 250;
const BATCH = 500;

/**
 * Keeps the record of what a worker holds, in the background and in batches; `isHeld` tells what still needs to be in it.
 * It may be a moment behind: whoever takes over what has landed meanwhile finds the decision in the ledger.
 */
export function createHeldWriter(
  { pool, worker, lane, onError }: { pool: Pool; worker: string; lane: string; onError(error: unknown): void },
  isHeld: (delivery: Delivery) => boolean,
) {
  const oneAtATime = createSemaphore(1);
  const toWrite: Delivery[] = [];
  const toStrike: Delivery[] = [];

  /** Runs what changes rows of this worker by itself, while nothing else is written. */
  async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    await oneAtATime.acquire();
    return work().finally(oneAtATime.release);
  }

  async function writeAndStrike(): Promise<'more' | 'idle'> {
    const written = toWrite.slice(0, BATCH);
    const needed = written.filter(isHeld);
    if (needed.length > 0) await writeHeld(pool, { worker, lane }, needed);
    toWrite.splice(0, written.length);
    const struck = toStrike.slice(0, BATCH);
    const gone = struck.filter((delivery) => !isHeld(delivery));
    if (gone.length > 0) await deleteHeld(pool, worker, gone);
    toStrike.splice(0, struck.length);
    return toWrite.length + toStrike.length > 0 ? 'more' : 'idle';
  }

  const flush = () => exclusively(writeAndStrike);
  const loop = runInBackground(flush, { pauseMs: COLLECT_MS, onError });
  return {
    write(delivery: Delivery, dueInMs: number): void {
      if (dueInMs > WORTH_WRITING_MS) toWrite.push(delivery);
    },
    /** After a crash of the database, which forgets what was held. */
    writeAll(entries: Iterable<{ delivery: Delivery }>): void {
      for (const { delivery } of entries) toWrite.push(delivery);
    },
    exclusively,
    strike: (delivery: Delivery) => void toStrike.push(delivery),
    async stop(): Promise<void> {
      await loop.stop();
      while (toStrike.length > 0) if ((await flush().catch(onError)) !== 'more') break;
    },
  };
}

export type HeldWriter = ReturnType<typeof createHeldWriter>;
