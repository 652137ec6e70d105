import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { errorNames } from '../message/contract';
import type { Refusal } from '../message/refusal';

/** The refusal of a workflow that cannot obey a command. Its clock may be a little behind ours. */
export function refusalByWorkflow(error: unknown): Refusal | undefined {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || cause.type !== errorNames.invalidMessage) return undefined;
  const refusal = cause.details?.[0] as Record<keyof Refusal, unknown> | null | undefined;
  const texts = [refusal?.code, refusal?.field, refusal?.message];
  // The worker may be of another release.
  return texts.every((text) => typeof text === 'string') ? (refusal as unknown as Refusal) : undefined;
}
