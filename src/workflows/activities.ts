import { proxyActivities } from '@temporalio/workflow';
import { deliveryTaskQueue, type LedgerActivities, type ScheduledMessage } from '../contract';
import { summaryOf } from './display-text';

const HEARTBEAT_SLACK_MS = 30_000;
const ATTEMPT_MS = 3_600_000;
// Longer than any fallback takes, so that Temporal's queue is not what decides who lands it.
const LANE_SLACK_MS = 10_000;
// No end to the retries and no schedule-to-close: an outage of any length may only delay, never drop.
const RETRY = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '30 s' } as const;

/** The delivery of a message by a lane's workers; without a lane by stable's. */
export function deliverActivityIn(message: ScheduledMessage, lane?: string): LedgerActivities['deliver'] {
  const { topic, leadMs = 0 } = message;
  return proxyActivities<LedgerActivities>({
    taskQueue: deliveryTaskQueue(topic, lane),
    retry: RETRY,
    summary: summaryOf(message),
    // A killed worker is missed after this. The hold sends its first heartbeat 15 s before, so that a message that is
    // held for its lead, landed and released within seconds costs none.
    heartbeatTimeout: leadMs + HEARTBEAT_SLACK_MS,
    // Heartbeats tell whether somebody is at it; this only bounds an attempt that waits out an outage or a pace.
    startToCloseTimeout: leadMs + ATTEMPT_MS,
    // Stable's workers come back some day. A lane's may be gone for ever; what nobody has taken by then has been landed by
    // stable, which is asked for the decision.
    scheduleToStartTimeout: lane === undefined ? undefined : leadMs + LANE_SLACK_MS,
  }).deliver;
}

/** What the ledger is asked by commands. */
export function ledgerActivitiesOf(message: ScheduledMessage): Pick<LedgerActivities, 'cancel' | 'move'> {
  return proxyActivities<LedgerActivities>({
    taskQueue: deliveryTaskQueue(message.topic),
    retry: RETRY,
    summary: summaryOf(message),
    // Longer than the 20 s a statement may take, so that a slow database is seen as its own error first.
    startToCloseTimeout: '30 s',
  });
}
