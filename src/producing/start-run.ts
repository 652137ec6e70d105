import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { type ScheduledMessage, searchAttributesOf, WORKFLOW_TASK_QUEUE, workflowIdOf } from '../message/contract';
import { memoOf } from '../message/memo';
import type { scheduledMessage } from '../workflows';
import { withinDeadline } from './deadline';
import type { Eagerly } from './post';

// Behind a backlog of wakes and deliveries, after an outage, a message that is due at once would be minutes late. Servers
// that know priorities take its tasks first; 3 is the default.
const DUE_AT_ONCE = { priorityKey: 1 };

/** How a run is started. `commandId`: of the command that posted the message. */
export interface RunStart extends Eagerly {
  commandId?: string;
  /** A run of its name that has ended does not matter. */
  over: boolean;
  startDelay?: number;
  /** When the message got its due time, in epoch ms. Absent: now. */
  datedAt?: number;
}

/** Starts a message's workflow. False if one of its name waits, or has ended, unless ended ones count as `over`. */
export async function startRun(
  client: Client,
  message: ScheduledMessage,
  { commandId, over, startDelay, starting, datedAt }: RunStart,
): Promise<boolean> {
  const { workflow } = starting ?? client;
  try {
    await withinDeadline(starting ?? client, () =>
      workflow.start<typeof scheduledMessage>('scheduledMessage', {
        workflowId: workflowIdOf(message),
        taskQueue: WORKFLOW_TASK_QUEUE,
        args: [datedAt === undefined ? message : { ...message, datedAt }],
        // Only a running workflow waits. What was delivered is for the ledger to say, and does not depend on Temporal's
        // retention.
        workflowIdReusePolicy: over ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { ...(commandId !== undefined && { commandId }), ...memoOf(message) },
        typedSearchAttributes: searchAttributesOf(message),
        priority: message.dueAt - (message.leadMs ?? 0) <= Date.now() ? DUE_AT_ONCE : undefined,
        staticSummary: `${message.topic} for ${message.tenant} / ${message.key}`.slice(0, 200),
        startDelay,
        // The server and the SDK fall back by themselves: without a free place at these workers the task goes by its queue.
        requestEagerStart: starting !== undefined && startDelay === undefined,
        // No execution or run timeout: it would end a sleeping message without running any of our code.
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
