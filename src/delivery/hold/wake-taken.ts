import pMap from 'p-map';
import type { Pool } from 'pg';
import { type ScheduledMessage, workflowIdOf } from '../../message/contract';
import { isFetched } from '../../message/wake';
import type { RunWithMessage } from '../../producing/runs-with-messages';
import { findTaken } from '../held/not-held';

// Each is a signal, beside the requests of a fetch.
const WAKING_AT_ONCE = 5;
// Its delivery is here by then, or Temporal is too busy for another signal.
const AGAIN_MS = 10_000;
// More are woken at the next looks.
const MOST = 50;

/**
 * Wakes messages that no set can bring: an earlier post of their name has used their cycle, so that only their workflow can find
 * the next free one. They would sleep beyond their due time. Each is woken within its lead, as other messages wake by themselves.
 */
export function createWakeTaken(deps: {
  pool: Pool;
  wake(message: ScheduledMessage): Promise<void>;
  onError(error: unknown): void;
}) {
  const wokenAt = new Map<string, number>();

  return async function wakeTaken(topic: string, runs: RunWithMessage[], nowMs: number): Promise<void> {
    const open = runs.flatMap(({ message }) =>
      message && isFetched(message) && message.postId !== undefined ? [message] : [],
    );
    const asleep = open.filter(({ dueAt, leadMs = 0 }) => nowMs >= dueAt - leadMs);
    if (asleep.length === 0) return;
    const before = performance.now() - AGAIN_MS;
    for (const [id, at] of wokenAt) if (at < before) wokenAt.delete(id);
    const taken = (await findTaken(deps.pool, topic, asleep)).map((place) => asleep[place] as ScheduledMessage);
    const toWake = taken.filter((message) => !wokenAt.has(workflowIdOf(message))).slice(0, MOST);
    const wake = async (message: ScheduledMessage) => {
      wokenAt.set(workflowIdOf(message), performance.now());
      await deps.wake(message).catch(deps.onError);
    };
    await pMap(toWake, wake, { concurrency: WAKING_AT_ONCE });
  };
}
