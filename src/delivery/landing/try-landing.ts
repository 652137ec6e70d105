import type { Pool } from 'pg';
import type { Delivery } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import { withErrorContext } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import { traceLanding } from '../../platform/telemetry/tracing';
import type { Topic } from '../../topics/topic';
import type { WorkerLanes } from '../lanes/worker-lanes';
import { type Landing, land } from './landing';
import { LaneChanged } from './lane-check';

/**
 * Lands a group in the name of this worker's lane. Returns what became of each delivery, in their order, or why the group has
 * failed as a whole: `LaneChanged` when not all of them are this lane's any more. Never throws.
 */
export async function tryLanding(
  deps: {
    pool: Pool;
    metrics: Pick<Metrics, 'landed'>;
    lanes: WorkerLanes;
    signal: AbortSignal;
    onError(error: unknown): void;
  },
  topic: Topic,
  deliveries: Delivery[],
  { oneByOne }: { oneByOne: boolean },
): Promise<{ landings: Landing[] } | { cause: unknown }> {
  const { pool, metrics, lanes, signal, onError } = deps;
  const startedAt = Date.now();
  const started = performance.now();
  try {
    const lane =
      lanes.ownLane === STABLE ? undefined : { name: lanes.ownLane, version: lanes.routing(topic.name).version };
    if (lane && deliveries.some((delivery) => lanes.choose(delivery).lane !== lane.name)) {
      throw new LaneChanged(`not all are for ${lane.name}`);
    }
    const landings = await land(pool, topic, deliveries, { signal, oneByOne, lane });
    const messages = landings.filter(wasHandled).length;
    metrics.landed(topic.name, messages, performance.now() - started);
    const times = { startedAt, endedAt: Date.now(), messages };
    for (const [place, landing] of landings.entries()) {
      if (!('decision' in landing) || landing.before) continue;
      traceLanding((deliveries[place] as Delivery).message, { outcome: landing.decision.outcome, ...times });
    }
    return { landings };
  } catch (cause) {
    if (cause instanceof LaneChanged) return { cause };
    // In a group, nothing says which message was at fault.
    const [first] = deliveries.length === 1 ? deliveries : [];
    onError(withErrorContext(cause, first ? first.message : { topic: topic.name }, { messages: deliveries.length }));
    return { cause };
  }
}

/** Not those that were decided before or are not due yet: another landing counts them. */
const wasHandled = (landing: Landing): boolean =>
  'decision' in landing ? !landing.before : !('notReached' in landing || 'notDueForMs' in landing);
