import { requestExpiry } from '../harness/request-expiry';

// Far longer than the posting takes: each message goes straight to the hold, and no wake falls into a landing.
const BURST_LEAD_MS = 4 * 3_600_000;

/**
 * The topics of an installation. Two installations of one namespace have topics of their own: the name of a topic is in its
 * messages' workflow ids, in the task queue of its workers, and in each list that they ask Temporal for.
 */
export const topicsOf = (installation: string) => ({
  flow: requestExpiry({ name: `capacity.${installation}.flow` }),
  burst: requestExpiry({ name: `capacity.${installation}.burst`, leadMs: BURST_LEAD_MS }),
});

export type Topics = ReturnType<typeof topicsOf>;
