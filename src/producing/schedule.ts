import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { z } from 'zod';
import { admit, refuseCommandId } from '../message/admission';
import type { MoveAnswer, TooLate } from '../message/commands';
import { type ScheduledMessage, searchAttributesOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../message/contract';
import { memoOf } from '../message/memo';
import { withOccurrence } from '../message/occurrence';
import { presentTrace, tracePosting } from '../platform/telemetry/tracing';
import type { scheduledMessage } from '../workflows';
import { type BurstCounter, createBurstCounter } from './bursts';
import { move } from './cancel-and-move';
import { withinDeadline } from './deadline';
import { describe } from './describe';
import { OvertakenError } from './overtaken-error';
import { type GoesOn, messageOf, type Post, presentFieldsOf, type ScheduleOptions, scheduleOptionsOf } from './post';
import { refuseReuse } from './reused-command';
import type { Requested } from './send';

/** `late`: it was already due, and is delivered at once. */
export type ScheduleAnswer =
  | { result: 'scheduled'; workflowId: string; late: boolean }
  | { result: 'kept'; workflowId: string }
  | { result: 'rejected'; workflowId: string }
  | Exclude<MoveAnswer, TooLate>
  | Requested;

/**
 * Posts a message to the future. A cycle is delivered once, for ever. If the message is posted again after it has
 * fired, without a `cycle`, it takes the next free one. Throws a `MessageError` for bad input, before anything is
 * started, also for a `commandId` that was used for another post, if Temporal still knows that one. Throws an
 * `OvertakenError` when others change the message faster than this call can.
 */
export async function schedule<Schema extends z.ZodType>(
  client: Client,
  given: Post<Schema>,
  { occurrence = 1, ...options }: ScheduleOptions & GoesOn = {},
): Promise<ScheduleAnswer> {
  const { onConflict, commandId } = scheduleOptionsOf(options);
  admit(refuseCommandId(commandId));
  const message = messageOf(given);
  const post = presentFieldsOf(given);
  return tracePosting(message, () => {
    message.traceparent = presentTrace();
    if (burstsOf(client).isOneOfMany(post.topic, message)) message.inBurst = true;
    return scheduled(client, post, message, { onConflict, commandId, occurrence });
  });
}

// Of each client: a process has one for all its posts.
const counters = new WeakMap<Client, BurstCounter>();
function burstsOf(client: Client): BurstCounter {
  const counter = counters.get(client) ?? createBurstCounter();
  counters.set(client, counter);
  return counter;
}

// Each attempt is a race lost to another caller or to the message's own end. A loop without an end could hide a fault
// of the server.
const ATTEMPTS = 20;

// Behind a backlog of wakes and deliveries, after an outage, a message that is due at once would be minutes late. Servers
// that know priorities take its tasks first; 3 is the default.
const DUE_AT_ONCE = { priorityKey: 1 };

// The result for a message that stays as it is.
const LEFT_ALONE = { keep: 'kept', reject: 'rejected' } as const;

async function scheduled<Schema extends z.ZodType>(
  client: Client,
  post: Post<Schema>,
  first: ScheduledMessage,
  { onConflict, commandId, occurrence }: Required<ScheduleOptions & GoesOn>,
): Promise<ScheduleAnswer> {
  let message = withOccurrence(first, occurrence);
  // If the producer names no cycle, the ledger finds out by this id whether the cycle is free for this post.
  if (post.cycle === undefined) message.postId = commandId;
  const workflowId = workflowIdOf(message);
  const answer = { result: 'scheduled' as const, workflowId, late: message.dueAt <= Date.now() };
  let over = post.cycle !== undefined;
  // Between describing the message and starting it, the other run may end or another may begin.
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    if (await started(client, message, { commandId, over })) return answer;
    const known = await describe(client, message);
    if (known?.scheduledBy === commandId) {
      admit(await refuseReuse(client, first, { namesCycle: post.cycle !== undefined }));
      return answer;
    }
    if (known?.state === 'waiting') {
      if (onConflict !== 'move') return { result: LEFT_ALONE[onConflict], workflowId };
      const moved = await move(client, message, {
        dueAt: message.dueAt,
        dueBefore2000: message.dueBefore2000,
        cycle: post.cycle,
        commandId,
      });
      if (moved.result !== 'tooLate' && moved.result !== 'notFound') return moved;
    } else if (known && post.cycle === undefined) {
      // If Temporal remembers the last cycle, this saves the ledger a detour at the due time. What Temporal has
      // forgotten, the ledger knows.
      message = withOccurrence({ ...message, cycle: (known.cycle ?? message.cycle) + 1 }, occurrence);
      over = true;
    }
  }
  throw new OvertakenError(`${workflowId} was neither free nor waiting in ${ATTEMPTS} attempts`);
}

/** Starts the workflow. False if one of its name waits, or has ended, unless ended ones count as `over`. */
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
        // Only a running workflow waits. What was delivered is for the ledger to say, and does not depend on Temporal's
        // retention.
        workflowIdReusePolicy: over ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { commandId, ...memoOf(message) },
        typedSearchAttributes: searchAttributesOf(message),
        priority: message.dueAt - (message.leadMs ?? 0) <= Date.now() ? DUE_AT_ONCE : undefined,
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
