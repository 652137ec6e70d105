import { type Client, WorkflowNotFoundError, WorkflowUpdateRPCTimeoutOrCancelledError } from '@temporalio/client';
import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import type { TooLate } from './commands';
import { type MessageRef, workflowIdOf } from './contract';
import { describe, withinDeadline } from './lookup';

/** No worker answered in time; the command lies in Temporal as a signal and will be decided when one runs again. */
export interface Requested {
  result: 'requested';
  commandId: string;
}

/** Temporal knows no such message, or no longer. */
export interface NotFound {
  result: 'notFound';
}

/**
 * Sends a command to a message: by update, which answers; as a signal where no worker answers within the deadline;
 * and where nothing waits any more the message's record answers. The signal carries the update's `commandId`, so a
 * worker that comes back and finds both obeys once.
 */
export async function send<Command extends { commandId: string }, Answer>(
  client: Client,
  ref: MessageRef,
  command: Command,
  { update, signal }: { update: UpdateDefinition<Answer, [Command]>; signal: SignalDefinition<[Command]> },
): Promise<Answer | TooLate | Requested | NotFound> {
  const { commandId } = command;
  // Without a run id the handle follows the message from run to run.
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  try {
    try {
      return await withinDeadline(client, () => handle.executeUpdate(update, { args: [command], updateId: commandId }));
    } catch (error) {
      if (!(error instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw error;
      await withinDeadline(client, () => handle.signal(signal, command));
      return { result: 'requested', commandId };
    }
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    const ending = (await describe(client, ref))?.ending;
    if (!ending) return { result: 'notFound' };
    return { result: 'tooLate', outcome: ending.outcome, firedAt: ending.decidedAt };
  }
}
