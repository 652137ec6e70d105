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

/**
 * The failure by which a stopping worker gives back a message that is due in `inMs`. The retries are spread over the rest of
 * the lead, as wakes are: hundreds of messages handed back must not come at one instant.
 */
export function handedBack(delivery: Delivery, inMs: number): ApplicationFailure {
  const spreadMs = Math.max(0, inMs - guardMsOf(delivery.message.leadMs ?? 0)) * hash01(deliveryIdOf(delivery));
  return retryLater(errorNames.handedBack, spreadMs);
}
