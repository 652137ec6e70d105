import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

export type RunClosed = (run: { workflowId: string; runId: string }) => Promise<void>;

const ASK_EVERY_MS = 50;
// While the workflow workers are away, no run closes. A caller that paces itself by runs must not wait for their return.
const TIME_LIMIT_MS = 2_000;

/** Resolves when this run has closed, or after two seconds. It measures how busy Temporal is; nothing is decided by it. */
export const runClosedOf =
  (client: Client): RunClosed =>
  async ({ workflowId, runId }) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const giveUpAt = Date.now() + TIME_LIMIT_MS;
    while (Date.now() < giveUpAt) {
      await pause(ASK_EVERY_MS);
      // A server that cannot be reached is as busy as one that answers slowly.
      const asked = client.withDeadline(giveUpAt, () => handle.describe());
      const status = await asked.then(
        (description) => description.status.name,
        () => 'RUNNING',
      );
      if (status !== 'RUNNING') return;
    }
  };
