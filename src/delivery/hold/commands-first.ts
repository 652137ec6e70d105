import { setTimeout as pause } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import type { Pool } from 'pg';
import { type Delivery, type ScheduledMessage, workflowIdOf } from '../../message/contract';
import type { DatabaseClock } from '../../platform/database/clock';
import { createSemaphore } from '../../platform/loops/semaphore';
import { withErrorContext } from '../../platform/telemetry/error-context';
import { readEvents } from '../../producing/run-events';
import type { Waiting } from '../../producing/waiting-runs';
import { findDecided } from '../ledger/ledger';

// On its usual way a message is not this late. Its run is read only then: a read costs as much as a part of its wake.
const LATE_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 500;
// A command that no worker can carry out must not hold up its message for ever.
const AT_MOST_MS = 60_000;
// After an outage thousands come late at once.
const READING_AT_ONCE = 20;
// A server that is away is not asked for each of them.
const AWAY_MS = 10_000;
// In one question to the ledger.
const BATCH = 500;
// gRPC's
const [DEADLINE_EXCEEDED, NOT_FOUND, UNAVAILABLE] = [4, 5, 14];

export interface Run {
  workflowId: string;
  runId?: string;
}

/**
 * Lets cancels and moves that came in time be decided before a late message lands. While no worker ran, the workflow could
 * not begin such a command. With the first worker the command and the delivery come at once, and the ledger would take the
 * first of them. A message waits for a minute at most, and not if Temporal cannot be asked.
 */
export function createCommandsFirst({
  pool,
  waiting,
  clock,
  onError,
}: {
  pool: Pick<Pool, 'query'>;
  waiting: Pick<Waiting, 'latestEvents'>;
  clock: Pick<DatabaseClock, 'now'>;
  onError(error: unknown): void;
}) {
  const reading = createSemaphore(READING_AT_ONCE);
  const isDecided = createDecidedCheck(pool, onError);
  let awayUntil = Number.NEGATIVE_INFINITY;

  // A message that was due before it was posted can have no command in time.
  const isLate = ({ message, late }: Delivery) => !late && clock.now() - message.dueAt > LATE_AFTER_MS;

  async function commandWaits({ message }: Delivery, run: Run): Promise<boolean> {
    // Most of what comes late has landed without its workflow.
    if (await isDecided(message)) return false;
    await reading.acquire();
    try {
      if (performance.now() < awayUntil) return false;
      const { isClosed, commandWaits: waits } = readEvents(await waiting.latestEvents(run), message.dueAt);
      return waits && !isClosed;
    } catch (error) {
      const code = isGrpcServiceError(error) ? error.code : undefined;
      if (code === NOT_FOUND) return false;
      if (code === UNAVAILABLE || code === DEADLINE_EXCEEDED) awayUntil = performance.now() + AWAY_MS;
      onError(withErrorContext(error, message));
      return false;
    } finally {
      reading.release();
    }
  }

  /** Resolves when the message may land, or the signal is aborted. */
  async function untilDecided(delivery: Delivery, run: Run, signal: AbortSignal): Promise<void> {
    if (!isLate(delivery)) return;
    const giveUpAt = performance.now() + AT_MOST_MS;
    while (!signal.aborted && performance.now() < giveUpAt && (await commandWaits(delivery, run))) {
      await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Calls `land` with those messages that may land now, and later with each of the others, unless the signal is aborted. */
  async function landInOrder(
    deliveries: Delivery[],
    land: (ready: Delivery[]) => Promise<void> | void,
    signal: AbortSignal,
  ): Promise<void> {
    const runOf = ({ message }: Delivery): Run => ({ workflowId: workflowIdOf(message) });
    const waits = await Promise.all(
      deliveries.map(async (one) => isLate(one) && (await commandWaits(one, runOf(one)))),
    );
    for (const delivery of deliveries.filter((_, nth) => waits[nth])) {
      void untilDecided(delivery, runOf(delivery), signal).then(() => (signal.aborted ? undefined : land([delivery])));
    }
    await land(deliveries.filter((_, nth) => !waits[nth]));
  }

  return { untilDecided, landInOrder };
}

/** Asks the ledger one question at a time, about all messages that have come meanwhile. */
function createDecidedCheck(pool: Pick<Pool, 'query'>, onError: (error: unknown) => void) {
  const asked: { message: ScheduledMessage; answer(isDecided: boolean): void }[] = [];
  let busy = false;

  async function answerAll(): Promise<void> {
    busy = true;
    while (asked.length > 0) {
      const batch = asked.splice(0, BATCH);
      const messages = batch.map(({ message }) => message);
      const decided = await findDecided(pool, messages).catch((error) => {
        onError(error);
        return new Set<number>();
      });
      batch.forEach(({ answer }, place) => void answer(decided.has(place)));
    }
    busy = false;
  }

  return (message: ScheduledMessage) =>
    new Promise<boolean>((answer) => {
      asked.push({ message, answer });
      if (!busy) void answerAll();
    });
}

export type CommandsFirst = ReturnType<typeof createCommandsFirst>;
