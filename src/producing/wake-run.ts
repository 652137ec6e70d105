import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type Landed, wakeSignal } from '../message/commands';
import { type MessageRef, workflowIdOf } from '../message/contract';
import { withinDeadline } from './deadline';

/**
 * Makes the newest run of a message look at the clock, or tells it the decision of its landing. Nothing happens if none is open.
 */
export async function wakeRun(client: Client, ref: MessageRef, landed?: Landed): Promise<void> {
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  const told: [Landed?] = landed ? [landed] : [];
  await withinDeadline(client, () => handle.signal(wakeSignal, ...told)).catch((error) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}
