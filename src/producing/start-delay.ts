import type { ScheduledMessage } from '../message/contract';
import { HOP_MS, isFetched, wakeAtOf } from '../message/wake';
import type { Topic } from '../topics/topic';

/**
 * For how many ms Temporal holds back the first workflow task of a message that is posted now; undefined if not at all. The
 * message then wakes as early as one that sleeps in its workflow.
 */
export function startDelayOf(
  { startDelayFromMs = Number.POSITIVE_INFINITY }: Pick<Topic, 'startDelayFromMs'>,
  message: ScheduledMessage,
  nowMs: number,
): number | undefined {
  const { dueAt, leadMs = 0 } = message;
  // One that is fetched by sets sleeps beyond its due time, and a plain signal would be obeyed after that.
  if (isFetched(message) || dueAt - nowMs < Math.max(startDelayFromMs, leadMs)) return undefined;
  // As long as a run sleeps in its workflow: it then goes on as a new one.
  return Math.max(1, Math.min(HOP_MS, wakeAtOf(message) - nowMs));
}
