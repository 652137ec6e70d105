import type { WorkflowExecutionDescription } from '@temporalio/client';

/**
 * What is in progress in a run. `lost`: Temporal should have timed out its task or activity long ago. The timer of that
 * time-out is gone, or has failed so often that the server set it aside, and the run will never continue by itself.
 */
export type RunProgress =
  | { state: 'closed' | 'inProgress' }
  /**
   * The run waits for its timer or a signal. `isStartDelayed`: its first task was scheduled for later than its start.
   */
  | { state: 'idle'; isStartDelayed: boolean }
  /** `queue`: the task queue where the task seems to wait; absent if a worker had taken the task. */
  | { state: 'lost'; queue?: 'workflows' | 'deliveries' };

type PendingActivity = NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number];
type Timestamp = { seconds?: unknown; nanos?: unknown } | null | undefined;

// WORKFLOW_EXECUTION_STATUS_RUNNING, PENDING_ACTIVITY_STATE_SCHEDULED, PENDING_WORKFLOW_TASK_STATE_SCHEDULED
export const RUNNING = 1;
export const SCHEDULED = 1;
// The server's default for a workflow task, both in a sticky queue and with a worker.
const TASK_TIMEOUT_MS = 10_000;
// For servers that do not describe an activity's options: the longest lead, a day.
const LONGEST_HEARTBEAT_TIMEOUT_MS = 86_430_000;

/**
 * Derives a run's progress from its description. Work counts as lost `lostAfterMs` after its time-out. `now`: epoch ms.
 */
export function progressOf(
  { raw }: Pick<WorkflowExecutionDescription, 'raw'>,
  { now, lostAfterMs }: { now: number; lostAfterMs: number },
): RunProgress {
  const { workflowExecutionInfo: info, pendingWorkflowTask: task, pendingActivities } = raw;
  if (info?.status !== RUNNING) return { state: 'closed' };
  const isLost = (since: Timestamp, timeoutMs: number) => now > epochMs(since) + timeoutMs + lostAfterMs;
  if (task) {
    const inQueue = task.state === SCHEDULED;
    const lost = isLost(inQueue ? task.scheduledTime : task.startedTime, TASK_TIMEOUT_MS);
    if (!lost) return { state: 'inProgress' };
    return inQueue ? { state: 'lost', queue: 'workflows' } : { state: 'lost' };
  }
  if (!pendingActivities?.length) {
    return { state: 'idle', isStartDelayed: epochMs(info.executionTime) > epochMs(info.startTime) };
  }
  const lost = pendingActivities.find((activity) => isLost(lastSeenOf(activity), timeoutMsOf(activity)));
  if (!lost) return { state: 'inProgress' };
  return lost.state === SCHEDULED ? { state: 'lost', queue: 'deliveries' } : { state: 'lost' };
}

const lastSeenOf = ({ state, scheduledTime, lastStartedTime, lastHeartbeatTime }: PendingActivity): Timestamp => {
  if (state === SCHEDULED) return scheduledTime;
  return epochMs(lastHeartbeatTime) > epochMs(lastStartedTime) ? lastHeartbeatTime : lastStartedTime;
};

function timeoutMsOf({ state, activityOptions }: PendingActivity): number {
  if (state === SCHEDULED) return 0;
  const { heartbeatTimeout, startToCloseTimeout } = activityOptions ?? {};
  return durationMs(heartbeatTimeout) || durationMs(startToCloseTimeout) || LONGEST_HEARTBEAT_TIMEOUT_MS;
}

const durationMs = (value: Timestamp): number => Number(value?.seconds ?? 0) * 1_000 + Number(value?.nanos ?? 0) / 1e6;
export const epochMs = durationMs;
