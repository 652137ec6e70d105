import { type Client, isGrpcServiceError, type WorkflowExecutionDescription } from '@temporalio/client';
import { withinDeadline } from './deadline';

// The SDK's own list and description decode a memo and all search attributes as they read. One run of a foreign client that
// cannot be decoded would then end the whole list. So all of ours read Temporal's records, and message-status.ts decodes.

/** Temporal's description of one run, with nothing decoded. */
export type RunDescription = WorkflowExecutionDescription['raw'];
/** Temporal's record of one run, as in its lists, with nothing decoded. */
export type RunRecord = NonNullable<RunDescription['workflowExecutionInfo']>;

// gRPC's
const NOT_FOUND = 5;

/** One page of the runs that a query selects, and the token of the next page; none after the last. */
export async function listRecords(
  client: Client,
  query: string,
  { limit, from }: { limit?: number; from?: Uint8Array | null } = {},
): Promise<{ records: RunRecord[]; next?: Uint8Array }> {
  const { namespace } = client.options;
  const page = { namespace, query, pageSize: limit, nextPageToken: from };
  const { executions, nextPageToken } = await withinDeadline(client, () =>
    client.workflowService.listWorkflowExecutions(page),
  );
  return { records: executions ?? [], next: nextPageToken?.length ? nextPageToken : undefined };
}

/** Describes a run, by default the newest of its workflow. Undefined if Temporal does not know it, or no longer. */
export async function describeRecord(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId?: string },
  deadlineMs?: number,
): Promise<RunDescription | undefined> {
  const { namespace } = client.options;
  try {
    const described = () =>
      client.workflowService.describeWorkflowExecution({ namespace, execution: { workflowId, runId } });
    return await withinDeadline(client, described, deadlineMs);
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND && !isNamespace(error.details)) return undefined;
    throw error;
  }
}

// A namespace that does not exist is the caller's mistake, and has the same code.
const isNamespace = (details: string): boolean => /^namespace/i.test(details);
