import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { type Delivery, deliveryIdOf, errorNames } from '../../message/contract';
import { guardMsOf, hash01 } from '../../message/wake';

/** A failure by which an activity gives its attempt back to Temporal, which tries it again after `inMs`. */
export const retryLater = (type: string, inMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message: `to be tried again in ${Math.round(inMs)} ms`,
    // Nothing went wrong: neither a warning in the log nor a failure in the SDK's metrics.
    category: ApplicationFailureCategory.BENIGN,
    // With zero, Temporal would take the delay of the retry policy.
    nextRetryDelay: Math.max(1, Math.round(inMs)),
  });

// A place is free within moments when those that are due have landed.
const SHORTEST_WAIT_MS = 1_000;
// The clock that said how long to wait may be the wrong one.
const LONGEST_WAIT_MS = 600_000;
// The longest pause of Temporal between two attempts.
const LONGEST_WAIT_WHEN_DUE_MS = 30_000;

/**
 * How long a message without a place in the hold waits in Temporal: half of the time until it is due, or since, and a second
 * at least. So it comes a few times, and before it is due. Messages of one instant come apart from each other.
 */
export function waitForPlaceMs(delivery: Delivery, inMs: number): number {
  const longestMs = inMs > 0 ? LONGEST_WAIT_MS : LONGEST_WAIT_WHEN_DUE_MS;
  const waitMs = Math.min(longestMs, Math.max(SHORTEST_WAIT_MS, Math.abs(inMs) / 2));
  return waitMs * (0.75 + hash01(deliveryIdOf(delivery)) / 2);
}

/**
 * The failure by which a stopping worker gives back a message that is due in `inMs`. The retries are spread over the rest of
 * the lead, as wakes are: hundreds of messages handed back must not come at one instant.
 */
export function handedBack(delivery: Delivery, inMs: number): ApplicationFailure {
  const spreadMs = Math.max(0, inMs - guardMsOf(delivery.message.leadMs ?? 0)) * hash01(deliveryIdOf(delivery));
  return retryLater(errorNames.handedBack, spreadMs);
}
