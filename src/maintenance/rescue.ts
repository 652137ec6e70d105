import type { Logger } from 'pino';
import type { Hold } from '../delivery/hold/hold';
import { type Delivery, deliveryIdOf } from '../message/contract';
import { messageFields } from '../platform/telemetry/error-context';
import type { RescueReason } from '../platform/telemetry/landing-metrics';
import type { Metrics } from '../platform/telemetry/metrics';
import type { Topic } from '../topics/topic';
import { createBackoff } from './backoff';

// Overdue messages must not fill the queue in which a fresh one waits for its landing: a second or two of them at most.
const MIN_BATCH = 10;
const MAX_BATCH = 500;
const QUICK_MS = 500;
const SLOW_MS = 1_500;
// The next batch begins when so many of this one have landed, or after so long. Messages that cannot land must not hold it up.
const LANDED_SHARE = 0.8;
const AT_MOST_MS = 5_000;

/**
 * Lands overdue messages of one topic in batches, as fast as its landings go. A batch that lands quickly makes the next
 * one larger, and a slow one makes it smaller. Each landing that was really missing counts as a rescue. A message that
 * fails is left alone for twice as long after each failure.
 */
export function createRescue(
  { metrics, log }: { metrics: Pick<Metrics, 'rescued'>; log: Pick<Logger, 'warn'> },
  hold: Pick<Hold, 'takeOver'>,
  topic: Topic,
  { everyMs }: { everyMs: number },
) {
  const backoff = createBackoff<{ tenant: string; key: string }>({ shortestMs: everyMs });
  let batch = 5 * MIN_BATCH;

  /** Resolves when most of them have landed, or after five seconds. `onDecided` is called for each that was decided. */
  async function land(
    deliveries: Delivery[],
    reason: RescueReason,
    onDecided: (delivery: Delivery) => void = () => undefined,
  ): Promise<void> {
    if (deliveries.length === 0) return;
    const startedAt = Date.now();
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      let settled = 0;
      let enough = Number.POSITIVE_INFINITY;
      const taken = hold.takeOver(topic, deliveries, (delivery, landing) => {
        settled += 1;
        const { message } = delivery;
        const id = deliveryIdOf({ message });
        if ('error' in landing) backoff.recordFailure(id, message);
        else backoff.reset(id);
        if ('decision' in landing) {
          onDecided(delivery);
          if (!landing.before) {
            metrics.rescued(topic.name, reason, 1);
            log.warn({ part: 'sweep', ...messageFields(message), reason }, 'rescued');
          }
        }
        if (settled >= enough) resolve();
      });
      enough = taken.length * LANDED_SHARE;
      if (settled >= enough) resolve();
      timer = setTimeout(resolve, AT_MOST_MS);
    });
    clearTimeout(timer);
    const tookMs = Date.now() - startedAt;
    // A single message that lands quickly says nothing about hundreds.
    if (tookMs < QUICK_MS && deliveries.length > batch / 2) batch = Math.min(MAX_BATCH, batch * 2);
    else if (tookMs > SLOW_MS) batch = Math.max(MIN_BATCH, Math.floor(batch / 2));
  }

  return { land, backoff, /** How many messages the next batch should have. */ batch: () => batch };
}
