import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { nanoid } from 'nanoid';
import type { z } from 'zod';
import { admit, refuseCommandId, refuseCycle, refuseDueAt, refuseRef } from './admission';
import {
  type CancelAnswer,
  type CancelCommand,
  cancelSignal,
  cancelUpdate,
  type MoveAnswer,
  moveSignal,
  moveUpdate,
  type TooLate,
} from './commands';
import {
  type MessageRef,
  type ScheduledMessage,
  searchAttributesOf,
  WORKFLOW_TASK_QUEUE,
  workflowIdOf,
} from './contract';
import { epochMsOf, type InstantInput } from './due-time';
import { describe, withinDeadline } from './lookup';
import { messageOf, type Post, type ScheduleOptions } from './post';
import { type NotFound, type Requested, send } from './send';
import { presentTrace, tracePosting } from './tracing';
import type { scheduledMessage } from './workflows';

export { cancelIn, moveIn, scheduleIn } from './dispatch/in-transaction';
export { describe, list } from './lookup';

/** `late`: it was due already, and is delivered at once. */
export type ScheduleAnswer =
  | { result: 'scheduled'; workflowId: string; late: boolean }
  | { result: 'kept'; workflowId: string }
  | { result: 'rejected'; workflowId: string }
  | Exclude<MoveAnswer, TooLate>
  | Requested;

/**
 * Posts a message to the future. A cycle is delivered once for ever; posted again after it has fired, without a `cycle`,
 * the message takes the next free one. Throws a `MessageError` for bad input, before anything is started.
 */
export async function schedule<Schema extends z.ZodType>(
  client: Client,
  post: Post<Schema>,
  { onConflict = 'reject', commandId = nanoid() }: ScheduleOptions = {},
): Promise<ScheduleAnswer> {
  admit(refuseCommandId(commandId));
  const message = messageOf(post);
  return tracePosting(message, () => {
    message.traceparent = presentTrace();
    return scheduled(client, post, message, { onConflict, commandId });
  });
}

// What is said of a message that is left as it waits.
const LEFT_ALONE = { keep: 'kept', reject: 'rejected' } as const;

async function scheduled<Schema extends z.ZodType>(
  client: Client,
  post: Post<Schema>,
  first: ScheduledMessage,
  { onConflict, commandId }: Required<ScheduleOptions>,
): Promise<ScheduleAnswer> {
  let message = first;
  // Where the producer does not name a cycle, whether one is free is for this post's own id to say.
  if (post.cycle === undefined) message.postId = commandId;
  const workflowId = workflowIdOf(message);
  const answer = { result: 'scheduled' as const, workflowId, late: message.dueAt <= Date.now() };
  let over = post.cycle !== undefined;
  // Between two looks the other may end, or another may begin.
  for (;;) {
    if (await started(client, message, { commandId, over })) return answer;
    const known = await describe(client, message);
    if (known?.scheduledBy === commandId) return answer;
    if (known?.state === 'waiting') {
      if (onConflict !== 'move') return { result: LEFT_ALONE[onConflict], workflowId };
      const moved = await move(client, message, { dueAt: message.dueAt, cycle: post.cycle, commandId });
      if (moved.result !== 'tooLate' && moved.result !== 'notFound') return moved;
    } else if (known && post.cycle === undefined) {
      // What Temporal remembers saves the ledger a detour at the due time; what it has forgotten the ledger knows.
      message = { ...message, cycle: (known.cycle ?? message.cycle) + 1 };
      over = true;
    }
  }
}

/** Starts the workflow; false if one of its name waits, or, unless those count as `over`, has ended. */
async function started(
  client: Client,
  message: ScheduledMessage,
  { commandId, over }: { commandId: string; over: boolean },
): Promise<boolean> {
  const workflowId = workflowIdOf(message);
  try {
    await withinDeadline(client, () =>
      client.workflow.start<typeof scheduledMessage>('scheduledMessage', {
        workflowId,
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [message],
        // Who waits is a matter of the running workflow; what was delivered is the ledger's, not of Temporal's retention.
        workflowIdReusePolicy: over ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { commandId, cycle: message.cycle },
        typedSearchAttributes: searchAttributesOf(message),
        staticSummary: `${message.topic} for ${message.tenant} / ${message.key}`.slice(0, 200),
        // No execution or run timeout: it would end a sleeping message without running any of our code.
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

/**
 * Cancels a message. `cancelled` is said only when the ledger has it so: the message will not be delivered. A worker has
 * `deadlineMs` to answer, ten seconds by default; after that the answer is `requested`.
 */
export async function cancel(
  client: Client,
  ref: MessageRef,
  { commandId = nanoid(), reason, deadlineMs }: Partial<CancelCommand> & { deadlineMs?: number } = {},
): Promise<CancelAnswer | Requested | NotFound> {
  admit(refuseRef(ref) ?? refuseCommandId(commandId));
  const ways = { update: cancelUpdate, signal: cancelSignal, deadlineMs };
  const answer = await send(client, ref, { commandId, reason }, ways);
  // Its record says so, whichever call it was that cancelled it: a lost answer and a repeat read the same.
  return answer.result === 'tooLate' && answer.outcome === 'cancelled' ? { result: 'cancelled' } : answer;
}

/**
 * Moves a message to another due time, earlier or later; one in the past is delivered at once. With `expectedCycle` only
 * that cycle is moved: `stale` says which one waits instead. `deadlineMs` is as for `cancel`.
 */
export async function move(
  client: Client,
  ref: MessageRef,
  {
    dueAt,
    cycle,
    expectedCycle,
    commandId = nanoid(),
    deadlineMs,
  }: { dueAt: InstantInput; cycle?: number; expectedCycle?: number; commandId?: string; deadlineMs?: number },
): Promise<MoveAnswer | Requested | NotFound> {
  const command = { commandId, dueAt: epochMsOf(dueAt), cycle, expectedCycle };
  admit(
    refuseRef(ref) ??
      refuseCommandId(commandId) ??
      refuseDueAt(command.dueAt, Date.now()) ??
      (cycle === undefined ? undefined : refuseCycle(cycle)) ??
      (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle')),
  );
  return send(client, ref, command, { update: moveUpdate, signal: moveSignal, deadlineMs });
}
