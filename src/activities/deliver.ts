import { Context } from '@temporalio/activity';
import type { CommandsFirst } from '../delivery/hold/commands-first';
import type { Heartbeater } from '../delivery/hold/heartbeater';
import type { Hold } from '../delivery/hold/hold';
import type { InLane, LedgerActivities } from '../message/contract';
import type { Decision } from '../message/decision';
import { traceDelivery } from '../platform/telemetry/tracing';
import type { RunClosed } from '../platform/temporal/run-closed';
import type { Topic } from '../topics/topic';

// Time reserved, before the attempt's timeout, for reporting the result to Temporal.
const REPORT_RESERVE_MS = 10_000;

/**
 * The idempotent step: holds the message until it is due by the database's clock, and waits until it is landed, once.
 */
export function createDeliver(deps: {
  topic: Topic;
  hold: Pick<Hold, 'keep'>;
  heartbeater: Heartbeater;
  runClosed: RunClosed;
  commandsFirst: Pick<CommandsFirst, 'untilDecided'>;
}): LedgerActivities['deliver'] {
  const { topic, hold, heartbeater, runClosed, commandsFirst } = deps;
  return async function deliver(delivery) {
    const context = Context.current();
    const { workflowExecution, startToCloseTimeoutMs, heartbeatTimeoutMs } = context.info;
    // Only an activity without a workflow has no execution. These always have one.
    const run = workflowExecution as NonNullable<typeof workflowExecution>;
    const letGo = heartbeatTimeoutMs
      ? heartbeater.add({ timeoutMs: heartbeatTimeoutMs, heartbeat: () => context.heartbeat() })
      : () => undefined;
    const deadlineAt = Date.now() + startToCloseTimeoutMs - REPORT_RESERVE_MS;
    const land = async (): Promise<Decision | InLane> => {
      await commandsFirst.untilDecided(delivery, run, context.cancellationSignal);
      if (context.cancellationSignal.aborted) return context.cancelled;
      return new Promise((resolve, reject) =>
        hold.keep(topic, delivery, { resolve, reject, deadlineAt, runClosed: () => runClosed(run) }),
      );
    };
    try {
      // Cancelled when the worker's grace time is over. Temporal then gives the delivery to another worker.
      return await traceDelivery(delivery.message, () => Promise.race([land(), context.cancelled]));
    } finally {
      letGo();
    }
  };
}
