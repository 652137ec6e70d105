import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

export type MovedOn = (run: { workflowId: string; runId: string }) => Promise<void>;

const ASK_EVERY_MS = 50;
// A run whose workflow worker is away moves on when that is back; whoever paces himself by it must not wait so long.
const PATIENCE_MS = 2_000;

/** Resolves when this run is over, or after two seconds: a measure of how busy Temporal is, never a fact to rely on. */
export const movedOnOf =
  (client: Client): MovedOn =>
  async ({ workflowId, runId }) => {
    const handle = client.workflow.getHandle(workflowId, runId);
    const patienceEndsAt = Date.now() + PATIENCE_MS;
    while (Date.now() < patienceEndsAt) {
      await pause(ASK_EVERY_MS);
      // Not to be reached is as good a sign of a busy server as a slow answer.
      const asked = client.withDeadline(patienceEndsAt, () => handle.describe());
      const status = await asked.then(
        (description) => description.status.name,
        () => 'RUNNING',
      );
      if (status !== 'RUNNING') return;
    }
  };
