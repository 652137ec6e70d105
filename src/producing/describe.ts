import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { admit, refuseCycle, refuseRef } from '../message/admission';
import { errorNames, type MessageRef, workflowIdOf } from '../message/contract';
import { type Ending, OUTCOMES } from '../message/decision';
import { epochMsOf } from '../message/due-time';
import { withinDeadline } from './deadline';
import { type MessageStatus, statusOf } from './message-status';
import { describeRecord } from './run-records';

/** What Temporal knows of a message, and how it ended. Undefined if Temporal does not know it, or no longer. */
export async function describe(
  client: Client,
  { topic, tenant, key }: MessageRef,
): Promise<(MessageStatus & { ending?: Ending }) | undefined> {
  // Only these fields: the caller's object may have others, which Temporal did not report.
  const ref = { topic, tenant, key };
  admit(refuseRef(ref));
  const workflowId = workflowIdOf(ref);
  const record = (await describeRecord(client, { workflowId }))?.workflowExecutionInfo;
  const status = record && (await statusOf(client, record));
  // The id is this message's own, so its record always names it.
  if (!status || !('topic' in status)) return undefined;
  if (status.state === 'waiting') return { ...status, ...ref, ending: undefined };
  try {
    const handle = client.workflow.getHandle(workflowId);
    return { ...status, ...ref, ending: await withinDeadline(client, () => endingOf(handle.result())) };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    if (error instanceof ServiceError || isGrpcServiceError(error)) throw error;
    const unreadable = [status.unreadable, 'its result cannot be read'].filter(Boolean).join('; ');
    return { ...status, ...ref, unreadable, ending: undefined };
  }
}

/**
 * The workflow's result, or the ending that its failure carries. Undefined if an operator terminated it, or it never was a
 * message. Throws if the result is none of ours.
 */
async function endingOf(result: Promise<unknown>): Promise<Ending | undefined> {
  try {
    return endingIn(await result);
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const failure = error.cause;
    if (!(failure instanceof ApplicationFailure) || failure.type !== errorNames.deliveryFailed) return undefined;
    return endingIn(failure.details?.[0]);
  }
}

/** Any client can complete a workflow, with a result of any kind. */
function endingIn(result: unknown): Ending {
  const { outcome, cycle, decidedAt, reason, commandId } = (result ?? {}) as Record<keyof Ending, unknown>;
  const isEnding =
    OUTCOMES.some((one) => one === outcome) &&
    refuseCycle(cycle) === undefined &&
    Number.isFinite(epochMsOf(decidedAt)) &&
    [reason, commandId].every((text) => text === undefined || typeof text === 'string');
  if (!isEnding) throw new Error('not an ending');
  return { outcome, cycle, decidedAt, reason, commandId } as Ending;
}
