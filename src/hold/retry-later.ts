import { ApplicationFailure } from '@temporalio/common';

/** A failure by which an activity gives its attempt back to Temporal, to be tried again after this time. */
export const retryLater = (type: string, inMs: number): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message: `to be tried again in ${Math.round(inMs)} ms`,
    // Zero would mean: as the retry policy says.
    nextRetryDelay: Math.max(1, Math.round(inMs)),
  });
