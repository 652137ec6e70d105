import type { WorkflowExecutionDescription } from '@temporalio/client';

/**
 * What is under way of a run. What is `lost` the server should have given up long ago: the task of its time-out is gone, or
 * has failed so often that it was set aside, and nobody will ever come for it.
 */
export type UnderWay =
  | { what: 'ended' | 'something' }
  /** Only its timer, or somebody else, will ever wake it. `putOff`: its first task was to come later than its start. */
  | { what: 'nothing'; putOff: boolean }
  /** `queue`: where it seems to wait, if not in a worker's hands. */
  | { what: 'lost'; queue?: 'workflows' | 'deliveries' };

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];
type Timestamp = { seconds?: unknown; nanos?: unknown } | null | undefined;

// WORKFLOW_EXECUTION_STATUS_RUNNING, PENDING_ACTIVITY_STATE_SCHEDULED, PENDING_WORKFLOW_TASK_STATE_SCHEDULED
const RUNNING = 1;
const SCHEDULED = 1;
// The server's own for a workflow task, in a sticky queue as in a worker's hands.
const TASK_TIMEOUT_MS = 10_000;
// Of a delivery whose server does not tell: a lead of a day.
const LONGEST_HEARTBEAT_TIMEOUT_MS = 86_430_000;

/** Reads a run's description. `patienceMs`: how long after its time-out something counts as lost. */
export function underWay(
  { raw }: Pick<WorkflowExecutionDescription, 'raw'>,
  { now, patienceMs }: { now: number; patienceMs: number },
): UnderWay {
  const { workflowExecutionInfo: info, pendingWorkflowTask: task, pendingActivities } = raw;
  if (info?.status !== RUNNING) return { what: 'ended' };
  const isLost = (since: Timestamp, timeoutMs: number) => now > epochMs(since) + timeoutMs + patienceMs;
  if (task) {
    const inQueue = task.state === SCHEDULED;
    const lost = isLost(inQueue ? task.scheduledTime : task.startedTime, TASK_TIMEOUT_MS);
    if (!lost) return { what: 'something' };
    return inQueue ? { what: 'lost', queue: 'workflows' } : { what: 'lost' };
  }
  if (!pendingActivities?.length) {
    return { what: 'nothing', putOff: epochMs(info.executionTime) > epochMs(info.startTime) };
  }
  const lost = pendingActivities.find((activity) => isLost(lastSignOf(activity), timeoutMsOf(activity)));
  if (!lost) return { what: 'something' };
  return lost.state === SCHEDULED ? { what: 'lost', queue: 'deliveries' } : { what: 'lost' };
}

const lastSignOf = ({ state, scheduledTime, lastStartedTime, lastHeartbeatTime }: PendingActivity): Timestamp => {
  if (state === SCHEDULED) return scheduledTime;
  return epochMs(lastHeartbeatTime) > epochMs(lastStartedTime) ? lastHeartbeatTime : lastStartedTime;
};

function timeoutMsOf({ state, activityOptions }: PendingActivity): number {
  if (state === SCHEDULED) return 0;
  const { heartbeatTimeout, startToCloseTimeout } = activityOptions ?? {};
  return durationMs(heartbeatTimeout) || durationMs(startToCloseTimeout) || LONGEST_HEARTBEAT_TIMEOUT_MS;
}

const durationMs = (value: Timestamp): number => Number(value?.seconds ?? 0) * 1_000 + Number(value?.nanos ?? 0) / 1e6;
const epochMs = durationMs;
