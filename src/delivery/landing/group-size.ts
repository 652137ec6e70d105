import type { Topic } from '../../topics/topic';

// PostgreSQL keeps 64 subtransactions per backend at hand, and a plain handler's message costs one. With more, every
// other session looks them up on disk. The limit also keeps short how long the group's first rows stay locked.
const PLAIN_GROUP = 50;
// A tenth of a second's worth at a time, so that a rate limit gives a steady flow and not one burst a second.
const RATE_LIMITED_GROUPS_PER_SECOND = 10;

/**
 * For how long a group's messages are handled one after the other. Then the group commits, and its other messages wait for
 * the next group: those that have been handled are seen, and the next tenant has its turn.
 */
export const GROUP_MS = 500;

/** How many messages of a topic land in one transaction, at most. */
export function largestGroupOf(
  { landAll, landingsPerSecond = Number.POSITIVE_INFINITY }: Pick<Topic, 'landAll' | 'landingsPerSecond'>,
  groupSize: number,
): number {
  const ofRate = Math.max(1, Math.floor(landingsPerSecond / RATE_LIMITED_GROUPS_PER_SECOND));
  return Math.min(groupSize, ofRate, landAll ? groupSize : PLAIN_GROUP);
}

/**
 * The size of a topic's next group, by measured time: as many as the last group handled if its time was over before its
 * end, else up to twice as many.
 */
export function createGroupSize(largest: number) {
  let size = largest;
  return {
    next: (): number => size,
    /** To be called after a group: so many of its messages were handled in its time. */
    landed({ messages, handled }: { messages: number; handled: number }): void {
      size = handled < messages ? Math.max(1, handled) : Math.min(largest, Math.max(size, messages * 2));
    },
  };
}

export type GroupSize = ReturnType<typeof createGroupSize>;
