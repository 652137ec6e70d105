import type { Pool } from 'pg';
import { waitForSlots } from '../../platform/database/rate-limit';
import { createSharedSemaphore } from '../../platform/loops/shared-semaphore';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { Topic } from '../../topics/topic';
import type { HeldMessage } from '../held/held-message';
import { connectionShares } from './connection-shares';
import { createGroupSize, type GroupSize, largestGroupOf } from './group-size';
import { createLandingQueue, type LandingQueue } from './landing-queue';

export interface LandingLimits {
  /** At most so many messages in one transaction. */
  groupSize: number;
  /** So many landing transactions of one topic's groups at a time. */
  transactions: number;
  /** The worker's connections to the database. */
  connections: number;
}

export interface TopicQueues {
  groups: LandingQueue;
  groupSize: GroupSize;
  /** For messages that are landed by themselves. */
  alone: LandingQueue;
}

/**
 * The landing queues of each topic, one for groups and one for single messages. Topics land side by side: none takes the last
 * transaction.
 */
export function createTopicQueues(
  { pool, metrics, signal }: { pool: Pool; metrics: Pick<Metrics, 'queued'>; signal: AbortSignal },
  limits: LandingLimits,
  landings: {
    landGroup(topic: Topic, group: HeldMessage[]): Promise<void>;
    landAlone(message: HeldMessage): Promise<void>;
  },
) {
  const topics = new Map<Topic, TopicQueues>();
  const shares = connectionShares(limits);
  const transactions = createSharedSemaphore(shares.groups);
  const besides = createSharedSemaphore(shares.alone);

  function queuesOf(topic: Topic): TopicQueues {
    const known = topics.get(topic);
    if (known) return known;
    const groupSize = createGroupSize(largestGroupOf(topic, limits.groupSize));
    const groups = createLandingQueue({
      topic: topic.name,
      permits: transactions,
      signal,
      async admit(waiting) {
        const slots = Math.min(waiting, groupSize.next());
        await waitForSlots(pool, topic, slots);
        return topic.landingsPerSecond === undefined ? groupSize.next : () => slots;
      },
      land(group, left) {
        metrics.queued(topic.name, left);
        return landings.landGroup(topic, group);
      },
    });
    const alone = createLandingQueue({
      topic: topic.name,
      permits: besides,
      signal,
      async admit() {
        await waitForSlots(pool, topic, 1);
        return () => 1;
      },
      land: ([message]) => landings.landAlone(message as HeldMessage),
    });
    topics.set(topic, { groups, groupSize, alone });
    return { groups, groupSize, alone };
  }

  /** Takes a waiting message with an attempt out of the longest backlog of a topic and a tenant, if it may go. */
  function giveUpOne(mayGo: (message: HeldMessage) => boolean): HeldMessage | undefined {
    let longest: LandingQueue | undefined;
    for (const { groups } of topics.values()) if (groups.size() > (longest?.size() ?? 0)) longest = groups;
    return longest?.giveUpOne((message) => message.attempts.length > 0 && mayGo(message));
  }

  return {
    queuesOf,
    giveUpOne,
    /** Whether groups are landing, or wait for a transaction. */
    landing: (): boolean => [...topics.values()].some(({ groups }) => groups.isLanding()),
  };
}
