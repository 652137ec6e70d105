import type { Logger } from 'pino';
import { named } from '../concern';
import type { DatabaseClock } from '../database-clock';
import type { Decision } from '../decision';
import type { HeldMessage } from '../held/held-message';
import type { HeldMessages } from '../held/held-messages';
import { STALE } from '../landing/outcome-events';
import { STABLE } from '../lane-name';
import type { Lanes } from '../lanes/following';
import type { Metrics } from '../metrics';

/** Reports to operators what landings have decided, and what they could not land. A handler's reason is in the ledger only. */
export function reportLanded(
  deps: {
    clock: Pick<DatabaseClock, 'now'>;
    lanes: Pick<Lanes, 'mine'>;
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
    log.warn({ part: 'landing', ...named(delivery.message), err: error }, 'not landed, and tried again');
  }

  function reportDecided({ topic, delivery, heldWhenDue }: HeldMessage, { outcome, reason }: Decision): void {
    const lateMs = clock.now() - delivery.message.dueAt;
    const lateByMs = Math.round(lateMs);
    const line = { part: 'landing', ...named(delivery.message), lane: lanes.mine, outcome, lateByMs };
    if (outcome === 'failed') log.warn(line, 'failed, and not tried again');
    else if (reason === STALE) log.warn(line, 'later than its limit, and not delivered');
    else log.debug(line, 'landed');
    metrics.decided(topic.name, outcome);
    if (lanes.mine !== STABLE) metrics.laneLanded(topic.name, lanes.mine);
    if (delivery.late) return;
    metrics.due(topic.name, heldWhenDue);
    metrics.late(topic.name, lateMs);
  }
}
