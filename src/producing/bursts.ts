import type { ScheduledMessage } from '../message/contract';
import { MESSAGE_IN_MEMO, memoOf } from '../message/memo';
import type { Topic } from '../topics/topic';

// So many of one second are woken before they are due, on two cores, and with a lead of ten seconds.
const WOKEN_OF_ONE_SECOND = 100;
// With a shorter lead a topic has no roll call, which fetches messages by sets.
const SHORTEST_LEAD_MS = 5_000;
// Seconds that are remembered. A message of one that was forgotten wakes before it is due, as messages did before.
const SECONDS = 10_000;

/**
 * Counts messages by the second in which they are due. `isOneOfMany` says of each whether it is in a burst: many of its second
 * were counted before it, and workers can fetch it by sets. It then sleeps beyond its due time: thousands that wake before one
 * instant would take the processor from their own landing.
 */
export function createBurstCounter() {
  const counts = new Map<string, number>();

  function count(topic: string, dueAt: number): number {
    const second = `${topic}:${Math.floor(dueAt / 1_000)}`;
    const counted = (counts.get(second) ?? 0) + 1;
    counts.delete(second);
    counts.set(second, counted);
    for (const oldest of counts.keys()) {
      if (counts.size <= SECONDS) break;
      counts.delete(oldest);
    }
    return counted;
  }

  return {
    isOneOfMany(topic: Pick<Topic, 'businessRows'>, message: ScheduledMessage): boolean {
      const { dueAt, leadMs = 0 } = message;
      const sleeps = dueAt - leadMs > Date.now();
      if (!sleeps || leadMs < SHORTEST_LEAD_MS) return false;
      const isFetched = topic.businessRows !== undefined || memoOf(message)[MESSAGE_IN_MEMO] !== undefined;
      return count(message.topic, dueAt) > WOKEN_OF_ONE_SECOND && isFetched;
    },
  };
}

export type BurstCounter = ReturnType<typeof createBurstCounter>;
