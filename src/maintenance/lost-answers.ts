import type { Pool } from 'pg';
import { readDecision } from '../delivery/ledger/ledger';
import type { ScheduledMessage } from '../message/contract';
import { runInBackground, UNTIL_NUDGED_MS } from '../platform/loops/background-loop';
import { withErrorContext } from '../platform/telemetry/error-context';
import type { MessageStatus } from '../producing/message-status';
import type { Recovery } from './recovery';

const EVERY_MS = 1_000;
// Two requests to Temporal each. A server that is late with thousands of wakes must not be asked about all of them at once.
const PER_ROUND = 20;
// By then a worker that got the delivery after all has answered it.
const AFTER_DUE_MS = 2_000;
// Later, the time-out of the delivery tells the run, as if the worker had died.
const GIVE_UP_AFTER_MS = 60_000;
const MOST = 10_000;

/** A run whose message is landed, or will be, without its delivery. */
interface Watched {
  run: MessageStatus;
  message: ScheduledMessage;
  lookAt: number;
  untilAt: number;
}

/**
 * Answers the runs of messages that landed although no worker got their delivery. Without the answer a run would wait for
 * the delivery's time-out, which is longer than the lead: its next cycle would be late, and its name not free.
 */
export function startLostAnswers({
  pool,
  recovery,
  onError,
}: {
  pool: Pool;
  recovery: Pick<Recovery, 'pendingDelivery' | 'answer'>;
  onError(error: unknown): void;
}) {
  const watched: Watched[] = [];

  async function answer({ run, message }: Watched): Promise<'done' | 'undecided'> {
    const decision = await readDecision(pool, message);
    if (!decision) return 'undecided';
    const delivery = await recovery.pendingDelivery(run);
    if (delivery && !delivery.isRetried) await recovery.answer(run, delivery.activityId, decision);
    return 'done';
  }

  async function round(): Promise<'idle'> {
    const now = Date.now();
    for (const one of watched.filter(({ lookAt }) => lookAt <= now).slice(0, PER_ROUND)) {
      watched.splice(watched.indexOf(one), 1);
      const result = await answer(one).catch((error) => {
        onError(withErrorContext(error, one.message));
        return 'failed' as const;
      });
      if (result !== 'done' && now < one.untilAt) watched.push({ ...one, lookAt: now + AFTER_DUE_MS });
      // The next ones would wait for the same server. If only this run was at fault, they come before it in the next round.
      if (result === 'failed') break;
    }
    return 'idle';
  }

  const pauseMs = () => (watched.length > 0 ? EVERY_MS : UNTIL_NUDGED_MS);
  const loop = runInBackground(round, { pauseMs, onError });
  return {
    /** Answers this run's delivery once the message is decided. */
    watch(run: MessageStatus, message: ScheduledMessage): void {
      if (watched.length >= MOST) return;
      const lookAt = Math.max(message.dueAt, Date.now()) + AFTER_DUE_MS;
      if (watched.length === 0) loop.nudgeIn(EVERY_MS);
      watched.push({ run, message, lookAt, untilAt: lookAt + GIVE_UP_AFTER_MS });
    },
    stop: loop.stop,
  };
}

export type LostAnswers = ReturnType<typeof startLostAnswers>;
