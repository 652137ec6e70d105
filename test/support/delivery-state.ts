import type { Client } from '@temporalio/client';
import { type MessageRef, workflowIdOf } from '../../src/message/contract';

// PENDING_ACTIVITY_STATE_STARTED
export const STARTED = 2;

/** What Temporal says of a message's delivery; undefined where none is pending. */
export async function deliveryState(client: Client, ref: MessageRef) {
  const { raw } = await client.workflow.getHandle(workflowIdOf(ref)).describe();
  return raw.pendingActivities?.[0]?.state;
}
