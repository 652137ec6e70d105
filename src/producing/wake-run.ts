import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { wakeSignal } from '../message/commands';
import { type MessageRef, workflowIdOf } from '../message/contract';
import { withinDeadline } from './deadline';

/** Makes the newest run of a message look at the clock. Nothing happens if none is open. */
export async function wakeRun(client: Client, ref: MessageRef): Promise<void> {
  const handle = client.workflow.getHandle(workflowIdOf(ref));
  await withinDeadline(client, () => handle.signal(wakeSignal)).catch((error) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  });
}
