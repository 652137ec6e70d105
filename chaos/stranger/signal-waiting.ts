import { randomUUID } from 'node:crypto';
import { type Client, isGrpcServiceError } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

const LISTED = 50;
// gRPC's
const NOT_FOUND = 5;

/**
 * Signals `count` messages of a tenant that wait, or as many as there are, as any client can: past every check of our own.
 * `from` is a number that chooses among them. Each is sent a payload of its own.
 */
export async function signalWaiting(
  client: Client,
  { tenant, from, count }: { tenant: string; from: number; count: number },
  { signalName, input, identity }: { signalName: string; input(): Payload; identity: string },
): Promise<void> {
  const query = `PostdateTenant = '${tenant}' and ExecutionStatus = 'Running'`;
  const found: string[] = [];
  for await (const { workflowId } of client.workflow.list({ query, pageSize: LISTED })) {
    if (found.push(workflowId) === LISTED) break;
  }
  const first = from % Math.max(1, found.length);
  const chosen = [...found.slice(first), ...found.slice(0, first)].slice(0, count);
  const signal = (workflowId: string) =>
    client.workflowService
      .signalWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId },
        signalName,
        identity,
        requestId: randomUUID(),
        input: { payloads: [input()] },
      })
      // It has ended meanwhile.
      .catch((error) => {
        if (!isGrpcServiceError(error) || error.code !== NOT_FOUND) throw error;
      });
  await Promise.all(chosen.map(signal));
}
