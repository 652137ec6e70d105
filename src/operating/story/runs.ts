import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { type MessageRef, workflowIdOf } from '../../message/contract';
import { rfc3339 } from '../../message/due-time';
import { withinDeadline } from '../../producing/deadline';
import { describeRecord, listRecords, type RunDescription } from '../../producing/run-records';
import { rootMessageOf } from '../stuck';
import { createHistoryReader, type HistoryEvent } from './history-events';
import type { TimelineEntry } from './timeline-entry';

// A message that is moved or repeated has a run for each cycle and hop; the newest runs are what matters now.
const LIMIT = 50;

/** Reads a message's entries from Temporal's histories, over all of its runs and posts, the newest runs first. */
export async function readRuns(
  client: Client,
  ref: MessageRef,
): Promise<{ happenings: TimelineEntry[]; leftOut: number }> {
  const workflowId = workflowIdOf(ref);
  const newest = await describeRecord(client, { workflowId });
  const newestId = newest?.workflowExecutionInfo?.execution?.runId;
  const left = new Set([...(newestId ? [newestId] : []), ...(await listRunIds(client, workflowId))]);
  const happenings = newest ? pendingOf(newest) : [];
  const read = createHistoryReader(client);
  let runs = 0;
  for (let runId: string | undefined = [...left][0]; runId && runs < LIMIT; runs += 1) {
    left.delete(runId);
    const events = await readHistory(client, { workflowId, runId });
    for (const event of events ?? []) happenings.push(...(await read(event)));
    // Visibility may be a second behind, or have lost a run. Each run also names the run before it.
    const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    runId = before || [...left][0];
  }
  return { happenings, leftOut: left.size };
}

async function listRunIds(client: Client, workflowId: string): Promise<string[]> {
  // A workflow id cannot contain a quote.
  const query = `WorkflowId = '${workflowId}'`;
  const { records } = await listRecords(client, query, { limit: 2 * LIMIT + 1 });
  return records.flatMap(({ execution }) => execution?.runId ?? []);
}

/** Activities that run or wait: the history has no events of an attempt until it has ended. */
const pendingOf = ({ pendingActivities }: RunDescription): TimelineEntry[] =>
  (pendingActivities ?? []).map((activity) => {
    const { attempt, scheduledTime, lastStartedTime, lastFailure, lastWorkerIdentity } = activity;
    // Between two attempts the server tells only when the last attempt ended, not when it started.
    const at = lastStartedTime ?? activity.lastAttemptCompleteTime ?? scheduledTime;
    return {
      at: rfc3339(Math.floor(tsToMs(at))),
      source: 'temporal',
      what: lastStartedTime ? 'with a worker' : lastFailure ? 'to be tried again' : 'waits for a worker',
      by: lastWorkerIdentity || undefined,
      detail: lastFailure ? `attempt ${attempt}, the one before: ${rootMessageOf(lastFailure)}` : undefined,
    };
  });

async function readHistory(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<HistoryEvent[] | undefined> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const history = await withinDeadline(client, () => handle.fetchHistory()).catch(ignoreNotFound);
  return history?.events ?? undefined;
}

// Temporal's retention removes a run's history and its entry in visibility at different times.
function ignoreNotFound(error: unknown): undefined {
  if (error instanceof WorkflowNotFoundError) return undefined;
  throw error;
}
