import type { Pool } from 'pg';
import type { Delivery } from '../../message/contract';
import { runInBackground, UNTIL_NUDGED_MS } from '../../platform/loops/background-loop';
import { createSemaphore } from '../../platform/loops/semaphore';
import type { Settlement } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import { deleteHeld, writeHeld } from '../held/held-rows';

// A message that is due sooner would have landed before another worker could take it over. If it waits for its landing for
// longer, behind others or for the rate limit, other workers must know that it is held.
const WORTH_WRITING_MS = 1_000;
// Rows are collected for this long, so that a burst of wakes costs a few statements and not thousands.
const COLLECT_MS = 250;
const BATCH = 500;
/** How messages end here whose rows are for another worker to take over. */
const FOR_OTHERS: Record<Settlement['kind'], boolean> = {
  decided: false,
  failed: false,
  madeRoom: false,
  commandWaits: false,
  handedBack: true,
  left: true,
  laneFailed: true,
};

/**
 * Writes this worker's held messages to `postdate.held`, and deletes the rows of those that have landed or failed, in the
 * background and in batches. The table may be a moment behind. A worker that takes over a message that has landed
 * meanwhile finds the decision in the ledger.
 */
export function createHeldWriter(
  { pool, worker, lane, onError }: { pool: Pool; worker: string; lane: string; onError(error: unknown): void },
  messages: Pick<HeldMessages, 'on' | 'find'>,
) {
  const oneAtATime = createSemaphore(1);
  const toWrite: Delivery[] = [];
  const toWriteIfHeld: { delivery: Delivery; at: number }[] = [];
  const toDelete: Delivery[] = [];

  messages.on('settled', ({ delivery }, { kind }) => {
    if (FOR_OTHERS[kind]) return;
    collect();
    toDelete.push(delivery);
  });

  const isEmpty = () => toWrite.length + toWriteIfHeld.length + toDelete.length === 0;
  /** To be called before something is added. Then the loop runs by itself until all is written, after an error later. */
  const collect = () => void (isEmpty() && loop.nudgeIn(COLLECT_MS));

  /** Whether this worker's row is needed. The row of a leaving message is the other lane's, before and after. */
  function isHeld(delivery: Delivery): boolean {
    const message = messages.find(delivery);
    return message !== undefined && message.state !== 'leaving';
  }

  /** Runs work that changes rows of this worker by itself, while nothing else is written. */
  async function exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    await oneAtATime.acquire();
    return work().finally(oneAtATime.release);
  }

  async function writeAndDelete(): Promise<'more' | 'idle'> {
    const now = Date.now();
    const later = toWriteIfHeld.findIndex(({ at }) => at > now);
    const ripe = toWriteIfHeld.splice(0, later < 0 ? toWriteIfHeld.length : later);
    toWrite.push(...ripe.map(({ delivery }) => delivery));
    const written = toWrite.slice(0, BATCH);
    const needed = written.filter(isHeld);
    if (needed.length > 0) await writeHeld(pool, { worker, lane }, needed);
    toWrite.splice(0, written.length);
    const deleted = toDelete.slice(0, BATCH);
    const gone = deleted.filter((delivery) => !isHeld(delivery));
    if (gone.length > 0) await deleteHeld(pool, worker, gone);
    toDelete.splice(0, deleted.length);
    return toWrite.length + toDelete.length > 0 ? 'more' : 'idle';
  }

  const flush = () => exclusively(writeAndDelete);
  const loop = runInBackground(flush, { pauseMs: () => (isEmpty() ? UNTIL_NUDGED_MS : COLLECT_MS), onError });
  return {
    write(delivery: Delivery, dueInMs: number): void {
      collect();
      if (dueInMs > WORTH_WRITING_MS) toWrite.push(delivery);
      else toWriteIfHeld.push({ delivery, at: Date.now() + Math.max(0, dueInMs) + WORTH_WRITING_MS });
    },
    /** To be called when the database has lost the rows: a crash empties the table. */
    writeAll(held: Iterable<{ delivery: Delivery }>): void {
      collect();
      for (const { delivery } of held) toWrite.push(delivery);
    },
    exclusively,
    async stop(): Promise<void> {
      await loop.stop();
      while (toDelete.length > 0) if ((await flush().catch(onError)) !== 'more') break;
    },
  };
}

export type HeldWriter = ReturnType<typeof createHeldWriter>;
