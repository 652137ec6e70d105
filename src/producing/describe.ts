import { type Client, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { admit, refuseRef } from '../message/admission';
import { type MessageRef, workflowIdOf } from '../message/contract';
import type { Ending } from '../message/decision';
import { withinDeadline } from './deadline';
import { type MessageStatus, statusOf } from './message-status';

/** What Temporal knows of a message, and how it ended. Undefined if Temporal does not know it, or no longer. */
export async function describe(
  client: Client,
  { topic, tenant, key }: MessageRef,
): Promise<(MessageStatus & { ending?: Ending }) | undefined> {
  // Only these fields: the caller's object may have others, which Temporal did not report.
  const ref = { topic, tenant, key };
  admit(refuseRef(ref));
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  try {
    const status = statusOf(await withinDeadline(client, () => handle.describe()));
    const ending =
      status.state === 'waiting' ? undefined : await withinDeadline(client, () => endingOf(handle.result()));
    return { ...status, ...ref, ending };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The workflow's result, or the ending that its failure carries. Undefined if an operator terminated it. */
async function endingOf(result: Promise<unknown>): Promise<Ending | undefined> {
  try {
    return (await result) as Ending;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const failure = error.cause;
    return failure instanceof ApplicationFailure ? (failure.details?.[0] as Ending | undefined) : undefined;
  }
}
