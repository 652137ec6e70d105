import { type MessageRef, workflowIdOf } from './contract';

/** A topic's default lead: enough for bursts of a few hundred on a small server. */
export const DEFAULT_LEAD_MS = 10_000;
/** With a longer lead, a timer would sit in a worker's memory that Temporal keeps better. */
export const MAX_LEAD_MS = 86_400_000;

/**
 * A sleep goes in hops of a month at most. That is short: no run outlives the code, keys and server that started it by much. It is
 * also long: a message of three years costs 37 wakes.
 */
export const HOP_MS = 30 * 86_400_000;

/** The quiet time right before a message is due: even the last message to wake must still find a place in the hold. */
export const guardMsOf = (leadMs: number): number => leadMs / 5;

/**
 * A number in [0, 1) that is the same for this text in every release: FNV-1a with MurmurHash3's final mix. Without the
 * mix, ids that differ only in their last letters would be close together.
 */
export function hash01(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

// A message in a burst is woken after its landing, as fast as the server takes it. If no worker does that, it wakes by itself:
// so long after it was due, and spread so far that thousands do not stop the server for others.
const FOLLOWS_AFTER_MS = 10_000;
const FOLLOWS_WITHIN_MS = 300_000;
/** So long after its due time the last of those that sleep beyond it has woken by itself. */
export const LAST_FOLLOWS_MS = FOLLOWS_AFTER_MS + FOLLOWS_WITHIN_MS;
// Outside of a burst there are few of them, and the time is only for the wake after the landing.
const FEW_FOLLOW_AFTER_MS = 2_000;
const FEW_FOLLOW_WITHIN_MS = 3_000;

/** Whether a message sleeps beyond its due time: workers fetch it before that, and wake it after its landing. */
export const isFetched = ({ inBurst, bySets }: { inBurst?: boolean; bySets?: boolean }): boolean =>
  inBurst === true || bySets === true;

/**
 * When the message wakes, in epoch ms. A hash of its workflow id spreads the wake over its lead, so that messages due
 * at one instant do not all wake at once. It is the same at every replay. Without a lead the message wakes when it is
 * due. One that is fetched by sets wakes after that.
 */
export function wakeAtOf(
  message: MessageRef & { dueAt: number; leadMs?: number; inBurst?: boolean; bySets?: boolean },
): number {
  const { dueAt, leadMs = 0, inBurst, bySets } = message;
  if (inBurst) return Math.floor(dueAt + FOLLOWS_AFTER_MS + FOLLOWS_WITHIN_MS * hash01(workflowIdOf(message)));
  if (bySets) return Math.floor(dueAt + FEW_FOLLOW_AFTER_MS + FEW_FOLLOW_WITHIN_MS * hash01(workflowIdOf(message)));
  const guardMs = guardMsOf(leadMs);
  return Math.floor(dueAt - guardMs - (leadMs - guardMs) * hash01(workflowIdOf(message)));
}
