import type { ScheduledMessage } from '../message/contract';
import { MESSAGE_IN_MEMO, memoOf } from '../message/memo';
import type { Topic } from '../topics/topic';

// So many of one second are woken before they are due, on two cores, and with a lead of ten seconds.
const WOKEN_OF_ONE_SECOND = 100;
// Of a topic whose messages are always fetched, so many of one second are woken all the same: the delay of their wakes shows whether
// the commands of the others, which wait in the same queues, are decided in time.
const WATCHED_OF_ONE_SECOND = 1;
// With a shorter lead a topic has no roll call, which fetches messages by sets.
const SHORTEST_LEAD_MS = 5_000;
// Seconds that are remembered. A message of one that was forgotten wakes before it is due, as messages did before.
const SECONDS = 10_000;

/**
 * Counts messages by the second in which they are due, and says of each whether workers fetch it by sets. One of a burst is: many
 * of its second were counted before it. It sleeps beyond its due time, as thousands that wake before one instant would take the
 * processor from their own landing. So is one of a topic whose messages are always fetched.
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
    fetchedAs(
      topic: Pick<Topic, 'businessRows' | 'bySets'>,
      message: ScheduledMessage,
    ): Pick<ScheduledMessage, 'inBurst' | 'bySets'> {
      if (!isListedInTime(message)) return {};
      const counted = count(message.topic, message.dueAt);
      const isOneOfMany = counted > WOKEN_OF_ONE_SECOND;
      const isAlways = topic.bySets === 'always' && counted > WATCHED_OF_ONE_SECOND;
      if (!(isOneOfMany || isAlways) || !isInSets(topic, message)) return {};
      return isOneOfMany ? { inBurst: true } : { bySets: true };
    },
  };
}

const isListedInTime = ({ dueAt, leadMs = 0 }: ScheduledMessage): boolean =>
  dueAt - leadMs > Date.now() && leadMs >= SHORTEST_LEAD_MS;

const isInSets = (topic: Pick<Topic, 'businessRows'>, message: ScheduledMessage): boolean =>
  topic.businessRows !== undefined || memoOf(message)[MESSAGE_IN_MEMO] !== undefined;

export type BurstCounter = ReturnType<typeof createBurstCounter>;
