import type { WorkflowExecutionDescription } from '@temporalio/client';
import { errorNames } from '../message/contract';
import { epochMs, RUNNING, SCHEDULED } from './in-progress';

/** The delivery that is in progress in a run, or seems to be. */
export interface PendingDelivery {
  activityId: string;
  /** A landing has failed. Temporal tries it again a little later, or began to do so a moment ago. */
  isRetried: boolean;
}

// With these an attempt goes back to Temporal without a failed landing.
const NO_FAILURES: readonly unknown[] = [errorNames.notDue, errorNames.handedBack];
// A retry that began longer ago than this, and that no worker holds, has not reached a worker.
const RETRY_ARRIVES_MS = 5_000;

/** Reads a run's description. `now`: epoch ms. */
export function pendingDeliveryOf(
  { workflowExecutionInfo, pendingActivities }: WorkflowExecutionDescription['raw'],
  now: number,
): PendingDelivery | undefined {
  if (workflowExecutionInfo?.status !== RUNNING) return undefined;
  const found = pendingActivities?.find(({ activityType }) => activityType?.name === 'deliver');
  if (!found?.activityId) return undefined;
  const failed = (found.attempt ?? 1) > 1 && !NO_FAILURES.includes(found.lastFailure?.applicationFailureInfo?.type);
  const begunAt = epochMs(found.state === SCHEDULED ? found.scheduledTime : found.lastStartedTime);
  return { activityId: found.activityId, isRetried: failed && now < begunAt + RETRY_ARRIVES_MS };
}
