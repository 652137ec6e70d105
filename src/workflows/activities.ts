import { proxyActivities } from '@temporalio/workflow';
import { deliveryTaskQueue, type LedgerActivities, type ScheduledMessage } from '../message/contract';
import { summaryOf } from './display-text';

const HEARTBEAT_SLACK_MS = 30_000;
const ATTEMPT_MS = 3_600_000;
// Longer than any fallback to stable takes, so that a timeout of Temporal's queue never decides which lane lands a
// message.
const LANE_SLACK_MS = 10_000;
// Retries never end, and there is no schedule-to-close timeout: an outage of any length may only delay a message, never
// drop it.
const RETRY = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' } as const;

/** The deliver activity on the task queue of a lane; without a lane, of stable. */
export function deliverActivityIn(message: ScheduledMessage, lane?: string): LedgerActivities['deliver'] {
  const { topic, leadMs = 0 } = message;
  return proxyActivities<LedgerActivities>({
    taskQueue: deliveryTaskQueue(topic, lane),
    retry: RETRY,
    summary: summaryOf(message),
    // Temporal notices a killed worker after this time. The hold sends its first heartbeat 15 s before it ends, so a
    // message that is held for its lead, landed and reported within seconds costs no heartbeat.
    heartbeatTimeout: leadMs + HEARTBEAT_SLACK_MS,
    // Heartbeats show that a worker has the message. This timeout only bounds an attempt that waits for an outage to
    // end, or for the rate limit.
    startToCloseTimeout: leadMs + ATTEMPT_MS,
    // Stable's workers return some day; a lane's may never. If no worker of the lane has taken the message by then,
    // stable has landed it, and is asked for the decision.
    scheduleToStartTimeout: lane === undefined ? undefined : leadMs + LANE_SLACK_MS,
  }).deliver;
}

/** The ledger's activities for commands: cancel and move. */
export function ledgerActivitiesOf(message: ScheduledMessage): Pick<LedgerActivities, 'cancel' | 'move'> {
  return proxyActivities<LedgerActivities>({
    taskQueue: deliveryTaskQueue(message.topic),
    retry: RETRY,
    summary: summaryOf(message),
    // Longer than the 20 s of a statement, so that a slow database shows as its own error first.
    startToCloseTimeout: '30 s',
  });
}
