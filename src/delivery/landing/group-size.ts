import type { Topic } from '../../topics/topic';

// PostgreSQL keeps 64 subtransactions per backend at hand, and a plain handler's message costs one. With more, every
// other session looks them up on disk. The limit also keeps short how long the group's first rows stay locked.
const PLAIN_GROUP = 50;
// A tenth of a second's worth at a time, so that a rate limit gives a steady flow and not one burst a second.
const RATE_LIMITED_GROUPS_PER_SECOND = 10;

/** How many messages of a topic land in one transaction, at most. */
export function groupSizeOf(
  { landAll, landingsPerSecond = Number.POSITIVE_INFINITY }: Pick<Topic, 'landAll' | 'landingsPerSecond'>,
  groupSize: number,
): number {
  const ofRate = Math.max(1, Math.floor(landingsPerSecond / RATE_LIMITED_GROUPS_PER_SECOND));
  return Math.min(groupSize, ofRate, landAll ? groupSize : PLAIN_GROUP);
}
