import type { WorkflowExecutionInfo } from '@temporalio/client';
import { type MessageRef, searchAttributes } from '../message/contract';

export const MESSAGE_STATES = ['waiting', 'ended', 'failed'] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/**
 * A message as Temporal's record shows it. `dueAt` is RFC 3339. `failed` also stands for one that an operator ended.
 */
export interface MessageStatus extends MessageRef {
  workflowId: string;
  runId: string;
  state: MessageState;
  dueAt?: string;
  cycle?: number;
  /** The id of the command that posted it. */
  scheduledBy?: string;
}

// The state for each status that the SDK reports of a run.
const STATE_OF = {
  RUNNING: 'waiting',
  PAUSED: 'waiting',
  COMPLETED: 'ended',
  FAILED: 'failed',
  CANCELLED: 'failed',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
  CONTINUED_AS_NEW: 'failed',
  UNSPECIFIED: 'failed',
  UNKNOWN: 'failed',
} as const satisfies Record<WorkflowExecutionInfo['status']['name'], MessageState>;

/** A message's status from Temporal's record of its run. */
export function statusOf(info: Omit<WorkflowExecutionInfo, 'raw'>): MessageStatus {
  const attributes = info.typedSearchAttributes;
  const { name } = info.status;
  return {
    workflowId: info.workflowId,
    runId: info.runId,
    topic: attributes.get(searchAttributes.topic) ?? '',
    tenant: attributes.get(searchAttributes.tenant) ?? '',
    key: attributes.get(searchAttributes.key) ?? '',
    state: STATE_OF[name],
    dueAt: attributes.get(searchAttributes.dueAt)?.toISOString(),
    cycle: info.memo?.cycle as number | undefined,
    scheduledBy: info.memo?.commandId as string | undefined,
  };
}
