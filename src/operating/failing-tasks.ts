import { type Client, isGrpcServiceError } from '@temporalio/client';
import pMap from 'p-map';
import { withinDeadline } from '../producing/deadline';
import { queryOf } from '../producing/list';
import { type MessageStatus, statusOf, type UnreadableRun } from '../producing/message-status';
import { describeRecord, listRecords, type RunDescription } from '../producing/run-records';

/** A run whose first workflow task fails again and again. `detail` says how often, and the worker's error. */
export type FailingRun = (MessageStatus | UnreadableRun) & { detail: string };

// gRPC's
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;
// Runs that are described. Each takes a call.
const MOST_DESCRIBED = 200;
const CONCURRENCY = 4;
// A task of a busy server may take so long to reach its first worker.
const STARTED_BEFORE_MS = 60_000;
// The failure is among the last events. An attempt after the first leaves none.
const LAST_EVENTS = 10;

/**
 * Finds waiting runs, of any topic, due or not, whose first task no worker can complete: a foreign client has given them
 * something that cannot be read. `startedBeforeMs`: only those that were started so long ago.
 */
export async function findFailingRuns(
  client: Client,
  { tenant, startedBeforeMs = STARTED_BEFORE_MS }: { tenant?: string; startedBeforeMs?: number } = {},
): Promise<FailingRun[]> {
  const started = `StartTime < '${new Date(Date.now() - startedBeforeMs).toISOString()}'`;
  const query = `${queryOf({ tenant, state: 'waiting' })} and ${started}`;
  const records = await listWithoutTask(client, query);
  const found = await pMap(
    records,
    async (record): Promise<FailingRun[]> => {
      const run = await statusOf(client, record);
      const described = await describeRecord(client, run);
      const detail = described && (await failingTaskOf(client, run, described));
      return detail ? [{ ...run, detail }] : [];
    },
    { concurrency: CONCURRENCY },
  );
  return found.flat();
}

/** The runs of which no worker has completed a task: the server records the build of the first one that does. */
async function listWithoutTask(client: Client, query: string) {
  const page = { limit: MOST_DESCRIBED };
  try {
    return (await listRecords(client, `${query} and BuildIds is null`, page)).records;
  } catch (error) {
    // A server that does not know builds: the newest runs are looked at.
    if (!isGrpcServiceError(error) || error.code !== INVALID_ARGUMENT) throw error;
    return (await listRecords(client, query, page)).records;
  }
}

/** How often a run's workflow task has failed, and the last recorded error; undefined if it does not fail. */
export async function failingTaskOf(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
  { pendingWorkflowTask: task }: RunDescription,
): Promise<string | undefined> {
  const attempt = task?.attempt ?? 1;
  if (attempt <= 1) return undefined;
  const events = await readLastEvents(client, { workflowId, runId });
  const failed = events.find(({ workflowTaskFailedEventAttributes: failure }) => failure);
  const message = failed?.workflowTaskFailedEventAttributes?.failure?.message;
  return `attempt ${attempt} of its task${message ? `: ${message}` : ''}`;
}

async function readLastEvents(client: Client, execution: { workflowId: string; runId: string }) {
  const { namespace } = client.options;
  const last = { namespace, execution, maximumPageSize: LAST_EVENTS };
  try {
    const { history } = await withinDeadline(client, () =>
      client.workflowService.getWorkflowExecutionHistoryReverse(last),
    );
    return history?.events ?? [];
  } catch (error) {
    // Temporal's retention has removed it meanwhile.
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return [];
    throw error;
  }
}
