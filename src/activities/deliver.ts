import { Context } from '@temporalio/activity';
import type { InLane, LedgerActivities } from '../contract';
import type { Decision } from '../decision';
import type { Heartbeater } from '../hold/heartbeater';
import type { Hold } from '../hold/hold';
import type { RunClosed } from '../landing/run-closed';
import type { Topic } from '../topic';
import { traceDelivery } from '../tracing';

// What a result may still take to Temporal once it is told.
const TELLING_MS = 10_000;

/** The idempotent step: holds the message until it is due by the database's clock, and has it landed once. */
export function createDeliver(deps: {
  topic: Topic;
  hold: Pick<Hold, 'keep'>;
  heartbeater: Heartbeater;
  runClosed: RunClosed;
}): LedgerActivities['deliver'] {
  const { topic, hold, heartbeater, runClosed } = deps;
  return async function deliver(delivery) {
    const context = Context.current();
    const { workflowExecution, startToCloseTimeoutMs, heartbeatTimeoutMs } = context.info;
    // Only an activity without a workflow has none, and ours always has one.
    const run = workflowExecution as NonNullable<typeof workflowExecution>;
    const letGo = heartbeatTimeoutMs
      ? heartbeater.add({ timeoutMs: heartbeatTimeoutMs, heartbeat: () => context.heartbeat() })
      : () => undefined;
    const landed = new Promise<Decision | InLane>((resolve, reject) => {
      const deadlineAt = Date.now() + startToCloseTimeoutMs - TELLING_MS;
      hold.keep(topic, delivery, { resolve, reject, deadlineAt, runClosed: () => runClosed(run) });
    });
    try {
      // Cancelled when the worker's grace time is over: Temporal hands the delivery to another worker.
      return await traceDelivery(delivery.message, () => Promise.race([landed, context.cancelled]));
    } finally {
      letGo();
    }
  };
}
