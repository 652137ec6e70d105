import type { Logger } from 'pino';
import { STALE } from '../../events/postdate-events';
import type { Decision } from '../../message/decision';
import { STABLE } from '../../message/lane-name';
import type { DatabaseClock } from '../../platform/database/clock';
import { messageFields } from '../../platform/telemetry/error-context';
import type { Metrics } from '../../platform/telemetry/metrics';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import type { WorkerLanes } from '../lanes/worker-lanes';

/** Reports to operators what landings have decided, and what they could not land. A handler's reason is in the ledger only. */
export function reportLanded(
  deps: {
    clock: Pick<DatabaseClock, 'now'>;
    lanes: Pick<WorkerLanes, 'ownLane'>;
    metrics: Pick<Metrics, 'decided' | 'due' | 'late' | 'laneLanded' | 'landingFailed'>;
    log: Pick<Logger, 'warn' | 'debug'>;
  },
  messages: Pick<HeldMessages, 'on'>,
): void {
  const { clock, lanes, metrics, log } = deps;

  messages.on('settled', (message, settlement) => {
    if (settlement.kind === 'failed') reportFailed(message, settlement.error);
    if (settlement.kind === 'decided' && !settlement.before) reportDecided(message, settlement.decision);
  });

  function reportFailed({ topic, delivery }: HeldMessage, error: unknown): void {
    metrics.landingFailed(topic.name);
    log.warn({ part: 'landing', ...messageFields(delivery.message), err: error }, 'not landed, and tried again');
  }

  function reportDecided({ topic, delivery, heldWhenDue }: HeldMessage, { outcome, reason }: Decision): void {
    const lateMs = clock.now() - delivery.message.dueAt;
    const lateByMs = Math.round(lateMs);
    const line = { part: 'landing', ...messageFields(delivery.message), lane: lanes.ownLane, outcome, lateByMs };
    if (outcome === 'failed') log.warn(line, 'failed, and not tried again');
    else if (reason === STALE) log.warn(line, 'later than its limit, and not delivered');
    else log.debug(line, 'landed');
    metrics.decided(topic.name, outcome);
    if (lanes.ownLane !== STABLE) metrics.laneLanded(topic.name, lanes.ownLane);
    if (delivery.late) return;
    metrics.due(topic.name, heldWhenDue);
    metrics.late(topic.name, lateMs);
  }
}
