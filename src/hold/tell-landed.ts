import type { Logger } from 'pino';
import type { Decision, Delivery } from '../contract';
import type { DatabaseClock } from '../database-clock';
import { messageFields } from '../error-context';
import { STALE } from '../landing/undelivered';
import { STABLE } from '../lanes/lane';
import type { WorkerLanes } from '../lanes/worker-lanes';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';

/** Tells operators what a landing has decided. What a handler said of it stands in the ledger, not in the log. */
export function tellLanded(
  deps: {
    clock: Pick<DatabaseClock, 'now'>;
    lanes: Pick<WorkerLanes, 'ownLane'>;
    metrics: Pick<Metrics, 'decided' | 'due' | 'late' | 'laneLanded'>;
    log: Pick<Logger, 'warn' | 'debug'>;
  },
  { topic, delivery, heldWhenDue }: { topic: Topic; delivery: Delivery; heldWhenDue: boolean },
  { outcome, reason }: Decision,
): void {
  const { clock, lanes, metrics, log } = deps;
  const lateMs = clock.now() - delivery.message.dueAt;
  const line = {
    part: 'landing',
    ...messageFields(delivery.message),
    lane: lanes.ownLane,
    outcome,
    lateByMs: Math.round(lateMs),
  };
  if (outcome === 'failed') log.warn(line, 'failed, and not tried again');
  else if (reason === STALE) log.warn(line, 'later than its limit, and not delivered');
  else log.debug(line, 'landed');
  metrics.decided(topic.name, outcome);
  if (lanes.ownLane !== STABLE) metrics.laneLanded(topic.name, lanes.ownLane);
  if (delivery.late) return;
  metrics.due(topic.name, heldWhenDue);
  metrics.late(topic.name, lateMs);
}
