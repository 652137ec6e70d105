import type { Client } from '@temporalio/client';
import { findRefused } from '../events/refused-commands';
import { progressOf } from '../maintenance/in-progress';
import type { MessageRef } from '../message/contract';
import type { Queryable } from '../platform/database/pool';
import { list } from '../producing/list';
import type { MessageStatus, UnreadableRun } from '../producing/message-status';
import { describeRecord } from '../producing/run-records';
import { failingTaskOf } from './failing-tasks';

/** A message that is past its due time, or that no workflow worker can run, and why it has not ended, or never began. */
export interface StuckMessage extends MessageRef {
  /** RFC 3339; empty if the message has none that can be read. */
  dueAt: string;
  why:
    | 'commandRefused'
    | 'handlerFails'
    | 'waitsForAWorker'
    | 'workflowFails'
    | 'waitsForAWorkflowWorker'
    | 'lostTimer'
    | 'inProgress';
  detail: string;
}

// Counted from the end of the server's own time-out.
const LOST_AFTER_MS = 60_000;
// PENDING_ACTIVITY_STATE_SCHEDULED: no worker has taken this attempt.
const SCHEDULED = 1;

/**
 * Lists messages of a topic that Temporal still has open more than `graceMs` after they were due, with the reason. Runs of
 * which something cannot be read go to `onUnreadable`.
 */
export async function* findStuckMessages(
  client: Client,
  {
    topic,
    tenant,
    graceMs,
    onUnreadable,
  }: { topic: string; tenant?: string; graceMs: number; onUnreadable?(run: UnreadableRun): void },
): AsyncGenerator<StuckMessage> {
  const overdue = { topic, tenant, state: 'waiting', dueTo: Date.now() - graceMs } as const;
  for await (const run of list(client, overdue, { onUnreadable })) {
    const why = await reasonOf(client, run);
    if (why) yield { topic: run.topic, tenant: run.tenant, key: run.key, dueAt: run.dueAt ?? '', ...why };
  }
}

async function reasonOf(client: Client, run: MessageStatus): Promise<Pick<StuckMessage, 'why' | 'detail'> | undefined> {
  const raw = await describeRecord(client, run);
  if (!raw) return undefined;
  const found = progressOf({ raw }, { now: Date.now(), lostAfterMs: LOST_AFTER_MS });
  // The run has closed, and visibility was behind.
  if (found.state === 'closed') return undefined;
  if (found.state === 'lost' && !found.queue) {
    return { why: 'lostTimer', detail: 'a worker took it and is gone; the sweep has it go on from its last task' };
  }
  const [activity] = raw.pendingActivities ?? [];
  if (activity) {
    const attempt = activity.attempt ?? 1;
    const message = rootMessageOf(activity.lastFailure);
    if (message) return { why: 'handlerFails', detail: `attempt ${attempt}: ${message}` };
    if (activity.state === SCHEDULED) return { why: 'waitsForAWorker', detail: 'no worker of its topic has taken it' };
    return { why: 'inProgress', detail: 'a worker holds it' };
  }
  const failing = await failingTaskOf(client, run, raw);
  if (failing) return { why: 'workflowFails', detail: failing };
  if (raw.pendingWorkflowTask) return { why: 'waitsForAWorkflowWorker', detail: 'its task is in the queue' };
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

// An operator reads a few, and `postdate refused` has all.
const REFUSED = 100;

/** Lists messages of a topic that should have been due more than `graceMs` ago, and whose command a worker has refused. */
export async function findRefusedMessages(
  db: Queryable,
  { topic, tenant, graceMs }: { topic: string; tenant?: string; graceMs: number },
): Promise<StuckMessage[]> {
  const refused = await findRefused(db, { topic, tenant, dueBy: new Date(Date.now() - graceMs) }, REFUSED);
  return refused.map(({ topic, tenant, key, dueAt = '', code, message }) => {
    return { topic, tenant, key, dueAt, why: 'commandRefused', detail: `${code}, ${message}` };
  });
}
