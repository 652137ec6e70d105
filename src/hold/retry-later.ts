import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { type Delivery, deliveryIdOf, errorNames } from '../contract';
import { guardMsOf, hash01 } from '../wake';

/** A failure by which an activity gives its attempt back to Temporal, to be tried again after this time. */
export const retryLater = (type: string, inMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message: `to be tried again in ${Math.round(inMs)} ms`,
    // Nothing went wrong: neither a warning in the log nor a failure in the SDK's metrics.
    category: ApplicationFailureCategory.BENIGN,
    // Zero would mean: as the retry policy says.
    nextRetryDelay: Math.max(1, Math.round(inMs)),
  });

/**
 * The failure by which a stopping worker gives back what is due in so many ms. Tried again spread over what is left of the
 * lead, as wakes are: hundreds handed back must not come at one instant.
 */
export function handedBack(delivery: Delivery, inMs: number): ApplicationFailure {
  const spreadMs = Math.max(0, inMs - guardMsOf(delivery.message.leadMs ?? 0)) * hash01(deliveryIdOf(delivery));
  return retryLater(errorNames.handedBack, spreadMs);
}
