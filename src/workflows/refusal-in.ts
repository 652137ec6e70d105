import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { errorNames } from '../message/contract';
import type { Refusal } from '../message/refusal';

/** The refusal that a failure tells of: ours, or an activity's. Undefined for any other error. */
export function refusalIn(error: unknown): Refusal | undefined {
  const failure = error instanceof ActivityFailure ? error.cause : error;
  if (!(failure instanceof ApplicationFailure) || failure.type !== errorNames.invalidMessage) return undefined;
  return failure.details?.[0] as Refusal | undefined;
}
