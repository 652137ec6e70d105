import type { Logger } from 'pino';
import { named } from '../concern';
import type { Delivery } from '../contract';
import type { DatabaseClock } from '../database-clock';
import type { Decision } from '../decision';
import { STALE } from '../landing/outcome-events';
import type { Lanes } from '../lanes/following';
import { STABLE } from '../lanes/lane';
import type { Metrics } from '../metrics';
import type { Topic } from '../topic';

/** Tells operators what a landing has decided. What a handler said of it stands in the ledger, not in the log. */
export function reportLanded(
  deps: {
    clock: Pick<DatabaseClock, 'now'>;
    lanes: Pick<Lanes, 'mine'>;
    metrics: Pick<Metrics, 'decided' | 'due' | 'late' | 'laneLanded'>;
    log: Pick<Logger, 'warn' | 'debug'>;
  },
  { topic, delivery, heldWhenDue }: { topic: Topic; delivery: Delivery; heldWhenDue: boolean },
  { outcome, reason }: Decision,
): void {
  const { clock, lanes, metrics, log } = deps;
  const lateMs = clock.now() - delivery.message.dueAt;
  const line = { part: 'landing', ...named(delivery.message), lane: lanes.mine, outcome, lateByMs: Math.round(lateMs) };
  if (outcome === 'failed') log.warn(line, 'failed, and not tried again');
  else if (reason === STALE) log.warn(line, 'later than its limit, and not delivered');
  else log.debug(line, 'landed');
  metrics.decided(topic.name, outcome);
  if (lanes.mine !== STABLE) metrics.laneLanded(topic.name, lanes.mine);
  if (delivery.late) return;
  metrics.due(topic.name, heldWhenDue);
  metrics.late(topic.name, lateMs);
}
