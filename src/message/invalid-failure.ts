import { ApplicationFailure } from '@temporalio/common';
import { errorNames } from './contract';
import type { Refusal } from './refusal';

/** The failure that tells a caller which field of its input is wrong. It is never retried. */
export const invalid = (refusal: Refusal): ApplicationFailure =>
  ApplicationFailure.nonRetryable(`${refusal.field}: ${refusal.message}`, errorNames.invalidMessage, refusal);
