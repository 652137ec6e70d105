import type { Client } from '@temporalio/client';
import type { MessageRef } from './contract';
import { list, type MessageStatus, withinDeadline } from './lookup';
import { underWay } from './sweep/under-way';

/** A message that is past its due time, and why it has not ended. */
export interface StuckMessage extends MessageRef {
  dueAt: string;
  why: 'handlerFails' | 'waitsForAWorker' | 'workflowFails' | 'waitsForAWorkflowWorker' | 'lostTimer' | 'inProgress';
  detail: string;
}

// Beyond a time-out of the server's own.
const LOST_AFTER_MS = 60_000;
// PENDING_ACTIVITY_STATE_SCHEDULED: no worker has taken this attempt.
const SCHEDULED = 1;

/** Messages of a topic that wait for longer than `graceMs` after they were due, by Temporal's record, with the reason. */
export async function* stuck(
  client: Client,
  { topic, tenant, graceMs }: { topic: string; tenant?: string; graceMs: number },
): AsyncGenerator<StuckMessage> {
  for await (const run of list(client, { topic, tenant, state: 'waiting', dueTo: Date.now() - graceMs })) {
    const why = await whyOf(client, run);
    if (why) yield { topic: run.topic, tenant: run.tenant, key: run.key, dueAt: run.dueAt ?? '', ...why };
  }
}

async function whyOf(
  client: Client,
  { workflowId, runId }: MessageStatus,
): Promise<Pick<StuckMessage, 'why' | 'detail'> | undefined> {
  const { raw, status } = await withinDeadline(client, () => client.workflow.getHandle(workflowId, runId).describe());
  // Visibility was behind.
  if (status.name !== 'RUNNING') return undefined;
  const found = underWay({ raw }, { now: Date.now(), patienceMs: LOST_AFTER_MS });
  if (found.what === 'lost' && !found.queue) {
    return { why: 'lostTimer', detail: 'a worker took it and is gone; the sweep has it go on from its last task' };
  }
  const [activity] = raw.pendingActivities ?? [];
  const task = raw.pendingWorkflowTask;
  if (activity) {
    const attempt = activity.attempt ?? 1;
    const message = rootOf(activity.lastFailure);
    if (message) return { why: 'handlerFails', detail: `attempt ${attempt}: ${message}` };
    if (activity.state === SCHEDULED) return { why: 'waitsForAWorker', detail: 'no worker of its topic has taken it' };
    return { why: 'inProgress', detail: 'a worker holds it' };
  }
  if (task && (task.attempt ?? 1) > 1) return { why: 'workflowFails', detail: `attempt ${task.attempt} of its task` };
  if (task) return { why: 'waitsForAWorkflowWorker', detail: 'its task is in the queue' };
  return { why: 'lostTimer', detail: 'nothing of it is under way; the sweep wakes it' };
}

/** What lies at the bottom of a failure: its handler's own words. */
export function rootOf(failure: { message?: string | null; cause?: unknown } | null | undefined): string | undefined {
  let root = failure;
  while (root?.cause) root = root.cause as typeof root;
  return root?.message ?? undefined;
}
