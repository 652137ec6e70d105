import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

export type RunClosed = (run: { workflowId: string; runId: string }) => Promise<void>;

const ASK_EVERY_MS = 50;
// While the workflow workers are away, no run closes. A caller that paces itself by runs must not wait for their return.
const TIME_LIMIT_MS = 2_000;
// WORKFLOW_EXECUTION_STATUS_RUNNING
const RUNNING = 1;

/** Resolves when this run has closed, or after two seconds. It measures how busy Temporal is; nothing is decided by it. */
export const runClosedOf =
  (client: Client): RunClosed =>
  async ({ workflowId, runId }) => {
    const run = { namespace: client.options.namespace, execution: { workflowId, runId } };
    const giveUpAt = Date.now() + TIME_LIMIT_MS;
    while (Date.now() < giveUpAt) {
      await pause(ASK_EVERY_MS);
      // A server that cannot be reached is as busy as one that answers slowly.
      // Not by the SDK's own description: it fails where a memo cannot be decoded, and each such run would cost two seconds.
      const asked = client.withDeadline(giveUpAt, () => client.workflowService.describeWorkflowExecution(run));
      const status = await asked.then(
        ({ workflowExecutionInfo }) => workflowExecutionInfo?.status,
        () => RUNNING,
      );
      if (status !== RUNNING) return;
    }
  };
