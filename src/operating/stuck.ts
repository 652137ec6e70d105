import type { Client } from '@temporalio/client';
import { progressOf } from '../maintenance/in-progress';
import type { MessageRef } from '../message/contract';
import { withinDeadline } from '../producing/deadline';
import { list } from '../producing/list';
import type { MessageStatus } from '../producing/message-status';

/** A message that is past its due time, and why it has not ended. */
export interface StuckMessage extends MessageRef {
  dueAt: string;
  why: 'handlerFails' | 'waitsForAWorker' | 'workflowFails' | 'waitsForAWorkflowWorker' | 'lostTimer' | 'inProgress';
  detail: string;
}

// Counted from the end of the server's own time-out.
const LOST_AFTER_MS = 60_000;
// PENDING_ACTIVITY_STATE_SCHEDULED: no worker has taken this attempt.
const SCHEDULED = 1;

/** Lists messages of a topic that Temporal still has open more than `graceMs` after they were due, with the reason. */
export async function* findStuckMessages(
  client: Client,
  { topic, tenant, graceMs }: { topic: string; tenant?: string; graceMs: number },
): AsyncGenerator<StuckMessage> {
  for await (const run of list(client, { topic, tenant, state: 'waiting', dueTo: Date.now() - graceMs })) {
    const why = await reasonOf(client, run);
    if (why) yield { topic: run.topic, tenant: run.tenant, key: run.key, dueAt: run.dueAt ?? '', ...why };
  }
}

async function reasonOf(
  client: Client,
  { workflowId, runId }: MessageStatus,
): Promise<Pick<StuckMessage, 'why' | 'detail'> | undefined> {
  const { raw, status } = await withinDeadline(client, () => client.workflow.getHandle(workflowId, runId).describe());
  // The run has closed, and visibility was behind.
  if (status.name !== 'RUNNING') return undefined;
  const found = progressOf({ raw }, { now: Date.now(), lostAfterMs: LOST_AFTER_MS });
  if (found.state === 'lost' && !found.queue) {
    return { why: 'lostTimer', detail: 'a worker took it and is gone; the sweep has it go on from its last task' };
  }
  const [activity] = raw.pendingActivities ?? [];
  const task = raw.pendingWorkflowTask;
  if (activity) {
    const attempt = activity.attempt ?? 1;
    const message = rootMessageOf(activity.lastFailure);
    if (message) return { why: 'handlerFails', detail: `attempt ${attempt}: ${message}` };
    if (activity.state === SCHEDULED) return { why: 'waitsForAWorker', detail: 'no worker of its topic has taken it' };
    return { why: 'inProgress', detail: 'a worker holds it' };
  }
  if (task && (task.attempt ?? 1) > 1) return { why: 'workflowFails', detail: `attempt ${task.attempt} of its task` };
  if (task) return { why: 'waitsForAWorkflowWorker', detail: 'its task is in the queue' };
  return { why: 'lostTimer', detail: 'nothing of it is under way; the sweep wakes it' };
}

/** The message of the innermost cause of a failure: the handler's own error. */
export function rootMessageOf(
  failure: { message?: string | null; cause?: unknown } | null | undefined,
): string | undefined {
  let root = failure;
  while (root?.cause) root = root.cause as typeof root;
  return root?.message ?? undefined;
}
