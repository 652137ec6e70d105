import { Context } from '@temporalio/activity';
import type { Decision, InLane, LedgerActivities } from '../contract';
import type { Hold } from '../hold/hold';
import type { Pulse } from '../hold/pulse';
import type { MovedOn } from '../landing/moved-on';
import type { Topic } from '../topic';
import { traceDelivery } from '../tracing';

// What a result may still take to Temporal once it is told.
const REPORT_RESERVE_MS = 10_000;

/** The idempotent step: holds the message until it is due by the database's clock, and has it landed once. */
export function createDeliver(deps: {
  topic: Topic;
  hold: Pick<Hold, 'keep'>;
  pulse: Pulse;
  movedOn: MovedOn;
}): LedgerActivities['deliver'] {
  const { topic, hold, pulse, movedOn } = deps;
  return async function deliver(delivery) {
    const context = Context.current();
    const { workflowExecution, startToCloseTimeoutMs, heartbeatTimeoutMs } = context.info;
    // Only an activity without a workflow has none, and ours always has one.
    const run = workflowExecution as NonNullable<typeof workflowExecution>;
    const letGo = heartbeatTimeoutMs
      ? pulse.add({ timeoutMs: heartbeatTimeoutMs, heartbeat: () => context.heartbeat() })
      : () => undefined;
    const landed = new Promise<Decision | InLane>((resolve, reject) => {
      const deadlineAt = Date.now() + startToCloseTimeoutMs - REPORT_RESERVE_MS;
      hold.keep(topic, delivery, { resolve, reject, deadlineAt, movedOn: () => movedOn(run) });
    });
    try {
      // Cancelled when the worker's grace time is over: Temporal hands the delivery to another worker.
      return await traceDelivery(delivery.message, () => Promise.race([landed, context.cancelled]));
    } finally {
      letGo();
    }
  };
}
