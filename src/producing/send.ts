import {
  type Client,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import { MessageError } from '../message/admission';
import type { TooLate } from '../message/commands';
import { type MessageRef, workflowIdOf } from '../message/contract';
import { answerDeadlineMs, withinDeadline } from './deadline';
import { describe } from './describe';
import { refusalByWorkflow } from './refusal-by-workflow';

// gRPC's code; here it means that the workflow's last task has failed.
const FAILED_PRECONDITION = 9;
const ATTEMPTS = 5;

/** No worker answered in time. The command is in Temporal as a signal, and is decided when a worker runs again. */
export interface Requested {
  result: 'requested';
  commandId: string;
}

/** Temporal does not know such a message, or no longer. */
export interface NotFound {
  result: 'notFound';
}

/**
 * Sends a command to a message: by update, which returns the answer. If no worker answers within `deadlineMs`, it sends
 * a signal. If no run waits any more, the message's record gives the answer. The signal carries the update's
 * `commandId`, so a worker that returns and finds both applies one.
 */
export async function send<Command extends { commandId: string }, Answer>(
  client: Client,
  ref: MessageRef,
  command: Command,
  {
    update,
    signal,
    deadlineMs,
  }: { update: UpdateDefinition<Answer, [Command]>; signal: SignalDefinition<[Command]>; deadlineMs?: number },
): Promise<Answer | TooLate | Requested | NotFound> {
  const { commandId } = command;
  // Without a run id, the handle follows the message from run to run.
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  const ask = async (): Promise<Answer | Requested> => {
    try {
      const updated = () => handle.executeUpdate(update, { args: [command], updateId: commandId });
      return await withinDeadline(client, updated, deadlineMs ?? answerDeadlineMs());
    } catch (error) {
      const refusal = refusalByWorkflow(error);
      if (refusal) throw new MessageError(refusal);
      if (!isUnanswered(error)) throw error;
      await withinDeadline(client, () => handle.signal(signal, command));
      return { result: 'requested', commandId };
    }
  };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
      const known = await describe(client, ref);
      // The message went on to its next run before the server delivered the answer. That run knows the answer as well.
      if (known?.state === 'waiting' && attempt < ATTEMPTS) continue;
      if (known?.state === 'waiting') throw error;
      if (!known?.ending) return { result: 'notFound' };
      return { result: 'tooLate', outcome: known.ending.outcome, firedAt: known.ending.decidedAt };
    }
  }
}

/**
 * True if no worker answers: none is there in time, or the workflow's task fails on those that are there. The server
 * reports the latter at once.
 */
function isUnanswered(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  return error instanceof ServiceError && (error.cause as { code?: number })?.code === FAILED_PRECONDITION;
}
