import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { nanoid } from 'nanoid';
import type { z } from 'zod';
import { admit, refuseCommandId, refuseCycle, refuseDueAt, refuseRef } from './admission';
import {
  type CancelAnswer,
  type CancelCommand,
  cancelSignal,
  cancelUpdate,
  type MessageRef,
  type MoveAnswer,
  moveSignal,
  moveUpdate,
  type ScheduledMessage,
  searchAttributesOf,
  type TooLate,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from './contract';
import { epochMsOf, type InstantInput } from './due-time';
import { describe, withinDeadline } from './lookup';
import { messageOf, type Post } from './post';
import { type NotFound, type Requested, send } from './send';
import type { scheduledMessage } from './workflows';

export { describe, list } from './lookup';

export interface ScheduleOptions {
  /** What becomes of a message of the same name that waits already. Default `reject`. */
  onConflict?: 'reject' | 'keep' | 'move';
  /** Give the same one to repeat a call whose answer was lost: both are then one command. Default: a new one. */
  commandId?: string;
}

/** `late`: it was due already, and is delivered at once. */
export type ScheduleAnswer =
  | { result: 'scheduled'; workflowId: string; late: boolean }
  | { result: 'kept' | 'rejected'; workflowId: string }
  | Exclude<MoveAnswer, TooLate>
  | Requested;

/**
 * Posts a message to the future. A cycle is delivered once for ever: to use a name again after it has fired, post it
 * with a higher `cycle`. Throws a `MessageError` for bad input, before anything is started.
 */
export async function schedule<Schema extends z.ZodType>(
  client: Client,
  post: Post<Schema>,
  { onConflict = 'reject', commandId = nanoid() }: ScheduleOptions = {},
): Promise<ScheduleAnswer> {
  const message = messageOf(post);
  admit(refuseCommandId(commandId));
  const workflowId = workflowIdOf(message);
  // Between "it exists" and the move the other may end; then the name is free and the start succeeds.
  for (;;) {
    if (await started(client, message, commandId)) {
      return { result: 'scheduled', workflowId, late: message.dueAt <= Date.now() };
    }
    if (onConflict !== 'move') return { result: onConflict === 'keep' ? 'kept' : 'rejected', workflowId };
    const answer = await move(client, message, { dueAt: message.dueAt, cycle: post.cycle, commandId });
    if (answer.result !== 'tooLate' && answer.result !== 'notFound') return answer;
  }
}

/** Starts the workflow; true also if it runs already because of this very command. */
async function started(client: Client, message: ScheduledMessage, commandId: string): Promise<boolean> {
  const workflowId = workflowIdOf(message);
  try {
    await withinDeadline(client, () =>
      client.workflow.start<typeof scheduledMessage>('scheduledMessage', {
        workflowId,
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        // Who waits is a matter of the running workflow; what was delivered is the ledger's, not of Temporal's retention.
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { commandId, cycle: message.cycle },
        typedSearchAttributes: searchAttributesOf(message),
        staticSummary: `${message.topic} for ${message.tenant} / ${message.key}`.slice(0, 200),
        // No execution or run timeout: it would end a sleeping message without running any of our code.
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return (await describe(client, message))?.scheduledBy === commandId;
  }
}

/** Cancels a message. `cancelled` is said only when the ledger has it so: the message will not be delivered. */
export async function cancel(
  client: Client,
  ref: MessageRef,
  { commandId = nanoid(), reason }: Partial<CancelCommand> = {},
): Promise<CancelAnswer | Requested | NotFound> {
  admit(refuseRef(ref) ?? refuseCommandId(commandId));
  const answer = await send(client, ref, { commandId, reason }, { update: cancelUpdate, signal: cancelSignal });
  // Its record says so, whichever call it was that cancelled it: a lost answer and a repeat read the same.
  return answer.result === 'tooLate' && answer.outcome === 'cancelled' ? { result: 'cancelled' } : answer;
}

/** Moves a message to another due time, earlier or later; one in the past is delivered at once. */
export async function move(
  client: Client,
  ref: MessageRef,
  { dueAt, cycle, commandId = nanoid() }: { dueAt: InstantInput; cycle?: number; commandId?: string },
): Promise<MoveAnswer | Requested | NotFound> {
  const command = { commandId, dueAt: epochMsOf(dueAt), cycle };
  admit(
    refuseRef(ref) ??
      refuseCommandId(commandId) ??
      refuseDueAt(command.dueAt, Date.now()) ??
      (cycle === undefined ? undefined : refuseCycle(cycle)),
  );
  return send(client, ref, command, { update: moveUpdate, signal: moveSignal });
}
