import { type Client, type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { type MessageRef, workflowIdOf } from '../contract';
import { rfc3339 } from '../due-time';
import { withinDeadline } from '../lookup';
import { rootOf } from '../stuck';
import { createReader, type HistoryEvent } from './history-events';
import type { TimelineEntry } from './timeline-entry';

// A message that is moved or comes again has a run for each cycle and hop; the newest tell what matters now.
const LIMIT = 50;

/** What Temporal's histories say of a message, over all of its runs and posts, the newest runs first to be read. */
export async function runsOf(
  client: Client,
  ref: MessageRef,
): Promise<{ happenings: TimelineEntry[]; leftOut: number }> {
  const workflowId = workflowIdOf(ref);
  const newest = await withinDeadline(client, () => client.workflow.getHandle(workflowId).describe()).catch(unlessGone);
  const left = new Set([...(newest ? [newest.runId] : []), ...(await runIdsOf(client, workflowId))]);
  const happenings = newest ? pendingOf(newest) : [];
  const read = createReader(client);
  let runs = 0;
  for (let runId: string | undefined = [...left][0]; runId && runs < LIMIT; runs += 1) {
    left.delete(runId);
    const events = await historyOf(client, { workflowId, runId });
    for (const event of events ?? []) happenings.push(...(await read(event)));
    // Visibility, a second behind and silent about what it has lost, names the runs; each run names the one before it.
    const before = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId;
    runId = before || [...left][0];
  }
  return { happenings, leftOut: left.size };
}

async function runIdsOf(client: Client, workflowId: string): Promise<string[]> {
  // The id's letters include no quote.
  const pages = client.workflow.list({ query: `WorkflowId = '${workflowId}'` })[Symbol.asyncIterator]();
  const ids: string[] = [];
  while (ids.length <= 2 * LIMIT) {
    const next = await withinDeadline(client, () => pages.next());
    if (next.done) break;
    ids.push(next.value.runId);
  }
  return ids;
}

/** What is being tried, or is to be tried, stands in no history before it has ended. */
const pendingOf = ({ raw }: WorkflowExecutionDescription): TimelineEntry[] =>
  (raw.pendingActivities ?? []).map((activity) => {
    const { attempt, scheduledTime, lastStartedTime, lastFailure, lastWorkerIdentity } = activity;
    // Between two attempts the server does not tell when the last one began, but when it ended.
    const at = lastStartedTime ?? activity.lastAttemptCompleteTime ?? scheduledTime;
    return {
      at: rfc3339(Math.floor(tsToMs(at))),
      source: 'temporal',
      what: lastStartedTime ? 'with a worker' : lastFailure ? 'to be tried again' : 'waits for a worker',
      by: lastWorkerIdentity || undefined,
      detail: lastFailure ? `attempt ${attempt}, the one before: ${rootOf(lastFailure)}` : undefined,
    };
  });

async function historyOf(
  client: Client,
  { workflowId, runId }: { workflowId: string; runId: string },
): Promise<HistoryEvent[] | undefined> {
  const handle = client.workflow.getHandle(workflowId, runId);
  const history = await withinDeadline(client, () => handle.fetchHistory()).catch(unlessGone);
  return history?.events ?? undefined;
}

// Retention takes a run's history and its place in visibility at different times.
function unlessGone(error: unknown): undefined {
  if (error instanceof WorkflowNotFoundError) return undefined;
  throw error;
}
