import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { recordWebhookResponse } from '../events/answers/webhook-response';
import { startPublishing } from '../events/brokers/publish-loop';
import type { Publisher } from '../events/brokers/publisher';
import type { Consumer } from '../events/consumer';
import { startRelay } from '../events/relay';
import type { SetAside } from '../events/set-aside';
import { furtherPartitions, startConsumer } from '../events/start-consumer';
import { listenForHints } from '../events/stream-hint';
import { startWebhooks } from '../events/webhooks/start';
import { createPool } from '../platform/database/pool';
import type { AfterLandings } from '../platform/loops/after-landings';
import type { BackgroundLoop } from '../platform/loops/background-loop';
import { createSemaphore } from '../platform/loops/semaphore';
import type { Metrics } from '../platform/telemetry/metrics';
import type { Config } from './config';

interface StreamDeps {
  pool: Pool;
  worker: string;
  log: Logger;
  metrics: Metrics;
  landingsOver: AfterLandings;
  onError(part: string): (error: unknown) => void;
}

/**
 * Starts all that takes events from the outbox to their receivers: the relay, and a loop for each consumer, each
 * broker, and the webhooks. The webhooks' loop goes at its own pace and retries for as long as a listener is away.
 */
export function startStream(
  { databaseUrl, databaseConnections, streams, webhooks }: Config,
  { consumers, publishers }: { consumers: Consumer[]; publishers: Publisher[] },
  deps: StreamDeps,
): Pick<BackgroundLoop, 'stop'>[] {
  const { pool, metrics, log, landingsOver, onError } = deps;
  const furtherAtOnce = furtherPartitions(databaseConnections);
  const further = createSemaphore(furtherAtOnce);
  // One for each: a consumer that hangs takes its own, and none of those of landings, heartbeats and other consumers.
  const connections = Math.max(1, consumers.length) + furtherAtOnce;
  const own = createPool(databaseUrl, { connections, onError: onError('database') });
  const loops = [
    ...consumers.map((consumer) => {
      const part = `consumer ${consumer.name}`;
      // Without the reason, which may be the listener's words about a payload.
      const onAside = ({ id: event, position }: SetAside) =>
        log.warn({ part, event, position }, 'an event was set aside');
      return startConsumer(own, consumer, { onError: onError(part), onAside, further });
    }),
    ...publishers.map((publisher) =>
      startPublishing({ pool, metrics, log, onError: onError(`publisher ${publisher.name}`) }, publisher, streams.from),
    ),
    startWebhooks(pool, { ...deps, ...webhooks, onAnswer: recordWebhookResponse, onError: onError('webhooks') }),
  ];
  const onHint = () => {
    for (const loop of loops) loop.nudge();
  };
  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    await Promise.all(loops.map((loop) => loop.stop()));
    await own.end();
  }
  return [
    startRelay(pool, { landingsOver, onError: onError('relay') }),
    listenForHints(databaseUrl, { onHint, onError: onError('stream hints') }),
    { stop: () => (stopped ??= stop()) },
  ];
}
