import type { Pool } from 'pg';
import { runInBackground } from '../background-loop';
import type { Delivery } from '../contract';
import { strikeHeld, writeHeld } from './held';

// Whatever is due sooner would have landed before anybody could take it over.
const WORTH_WRITING_MS = 1_000;
// Collected for as long, so that a burst of wakes costs a few statements and not thousands.
const COLLECT_MS = 100;
const BATCH = 500;

/** Writes down in the background what a worker holds; `isHeld` tells what still needs to be. */
export function createHeldWriter(
  { pool, worker, onError }: { pool: Pool; worker: string; onError(error: unknown): void },
  isHeld: (delivery: Delivery) => boolean,
) {
  const waiting: Delivery[] = [];
  const loop = runInBackground(
    async () => {
      const batch = waiting.slice(0, BATCH);
      const needed = batch.filter(isHeld);
      if (needed.length > 0) await writeHeld(pool, worker, needed);
      waiting.splice(0, batch.length);
      return waiting.length > 0 ? 'more' : 'idle';
    },
    { pauseMs: COLLECT_MS, onError },
  );
  return {
    write(delivery: Delivery, dueInMs: number): void {
      if (dueInMs > WORTH_WRITING_MS) waiting.push(delivery);
    },
    /** After a crash of the database, which forgets what was held. */
    writeAll(entries: Iterable<{ delivery: Delivery }>): void {
      for (const { delivery } of entries) waiting.push(delivery);
    },
    strike(delivery: Delivery): void {
      strikeHeld(pool, worker, [delivery]).catch(onError);
    },
    stop: () => loop.stop(),
  };
}
