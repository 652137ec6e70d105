import { setMaxListeners } from 'node:events';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { acquireLease } from '../../platform/database/lease';
import type { AfterLandings } from '../../platform/loops/after-landings';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Metrics } from '../../platform/telemetry/metrics';
import { subscribe } from '../consumer';
import { freeFirstDeliveries, readBacklog, undoClockJumps } from './backlog';
import { type ClaimedDelivery, claimDeliveries } from './claim-deliveries';
import { queueBatch, WEBHOOKS_CONSUMER } from './queue';
import { createTurns } from './tenant-turns';
import { type TryDeps, tryDelivery } from './try-delivery';

// Each delivery in flight costs a socket. A listener that hangs takes at most ten of them, and one once it counts as
// away. A tenant takes its share (see claimDeliveries).
const AT_A_TIME = 50;
const AT_A_TIME_PER_WEBHOOK = 10;
// The lower end of what Standard Webhooks recommends (15 to 30 s). A listener should do longer work after its answer.
const ANSWER_TIMEOUT_MS = 15_000;
// How long deliveries in flight may go on when this worker stops. Other workers send the rest.
const STOP_TIMEOUT_MS = 5_000;
// This poll finds retries that have become due, and deliveries that another worker has queued.
const POLL_MS = 1_000;
const REPORT_EVERY_MS = 10_000;
const REPAIR_EVERY_MS = 60_000;

export interface WebhookDeps {
  worker: string;
  metrics: Pick<Metrics, 'webhookTried' | 'webhookGivenUp' | 'webhooksWaiting'>;
  log: Pick<Logger, 'warn'>;
  onError(error: unknown): void;
}

/**
 * Sends the stream's events to the webhooks that want them, until stopped. `nudge` it when the stream has grown. Any
 * number of processes may run it. A listener that is down delays no other listener.
 */
export function startWebhooks(
  pool: Pool,
  deps: WebhookDeps &
    Pick<TryDeps, 'allowPrivateAddresses' | 'resolve' | 'ca' | 'onAnswer'> & {
      answerWithinMs?: number;
      landingsOver?: AfterLandings;
      pauseMs?: number;
    },
): BackgroundLoop & { sending: Pick<BackgroundLoop, 'nudge'> } {
  const { worker, metrics, log, onError, landingsOver, answerWithinMs = ANSWER_TIMEOUT_MS, pauseMs = POLL_MS } = deps;
  const stopping = new AbortController();
  // Each try in flight adds a listener to this signal.
  setMaxListeners(AT_A_TIME, stopping.signal);
  const trying = { ...deps, pool, answerWithinMs, stopping: stopping.signal };
  const inFlight = new Set<Promise<void>>();
  const turns = createTurns();
  let subscribed = false;

  async function queueNext(): Promise<'more' | 'idle'> {
    if (!subscribed) await subscribe(pool, { name: WEBHOOKS_CONSUMER, from: 'end' });
    subscribed = true;
    await landingsOver?.();
    const { events, deliveries } = await queueBatch(pool);
    if (deliveries > 0) sending.nudge();
    return events > 0 ? 'more' : 'idle';
  }

  async function sendNext(): Promise<'more' | 'idle'> {
    const limit = AT_A_TIME - inFlight.size;
    // Each try that ends nudges this loop.
    if (limit <= 0) return 'idle';
    await landingsOver?.();
    const claimed = await claimDeliveries(pool, worker, {
      inFlight: turns.inFlight(),
      after: turns.after(),
      perWebhook: AT_A_TIME_PER_WEBHOOK,
      places: AT_A_TIME,
      limit,
    });
    turns.begin(claimed);
    for (const delivery of claimed) start(delivery);
    return 'idle';
  }

  function start(delivery: ClaimedDelivery): void {
    const tried = tryOne(delivery).finally(() => {
      inFlight.delete(tried);
      turns.end(delivery);
      sending.nudge();
    });
    inFlight.add(tried);
  }

  async function tryOne(delivery: ClaimedDelivery): Promise<void> {
    const { webhookId: webhook, eventId: event, position } = delivery;
    try {
      const { result, gaveUp } = await tryDelivery(trying, delivery);
      metrics.webhookTried(result);
      if (result === 'gone') log.warn({ part: 'webhooks', webhook }, 'disabled: its listener answered 410 Gone');
      if (!gaveUp) return;
      metrics.webhookGivenUp();
      log.warn({ part: 'webhooks', webhook, event, position }, 'a delivery was given up');
    } catch (error) {
      // The result was not recorded, so the listener may have the event. When the claim expires, it is sent again.
      onError(error);
    }
  }

  async function reportBacklog(): Promise<'idle'> {
    const { waiting, oldestMs } = await readBacklog(pool);
    metrics.webhooksWaiting(waiting, oldestMs);
    if (await acquireLease(pool, 'webhooks: leaps', REPAIR_EVERY_MS)) {
      await undoClockJumps(pool);
      await freeFirstDeliveries(pool);
    }
    return 'idle';
  }

  const sending = runInBackground(sendNext, { pauseMs, onError });
  const queueing = runInBackground(queueNext, { pauseMs, onError });
  const reporting = runInBackground(reportBacklog, { pauseMs: REPORT_EVERY_MS, onError });
  return {
    nudge: queueing.nudge,
    nudgeIn: queueing.nudgeIn,
    sending,
    async stop() {
      await Promise.all([queueing.stop(), sending.stop(), reporting.stop()]);
      const cutOff = setTimeout(() => stopping.abort(), STOP_TIMEOUT_MS);
      await Promise.all(inFlight);
      clearTimeout(cutOff);
    },
  };
}
