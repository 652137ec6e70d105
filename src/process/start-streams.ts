import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { recordWebhookResponse } from '../events/answers/webhook-response';
import { startPublishing } from '../events/brokers/publish-loop';
import type { Publisher } from '../events/brokers/publisher';
import type { Consumer } from '../events/consumer';
import { STREAM_CHANNEL, startRelay } from '../events/relay';
import type { SetAside } from '../events/set-aside';
import { furtherPartitions, startConsumer } from '../events/start-consumer';
import { watchStream } from '../events/stream-watch';
import { WEBHOOKS_CONSUMER } from '../events/webhooks/queue';
import { startWebhooks } from '../events/webhooks/start';
import type { Hints } from '../platform/database/hints';
import { createPool } from '../platform/database/pool';
import type { AfterLandings } from '../platform/loops/after-landings';
import type { BackgroundLoop } from '../platform/loops/background-loop';
import { createSemaphore } from '../platform/loops/semaphore';
import type { Metrics } from '../platform/telemetry/metrics';
import type { Config } from './config';

// The watch nudges a loop that has something to do, within a second.
const PAUSE_MS = 10_000;

interface StreamDeps {
  pool: Pool;
  hints: Hints;
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
  const { pool, hints, metrics, log, landingsOver, onError } = deps;
  const rest = { pauseMs: PAUSE_MS };
  const furtherAtOnce = furtherPartitions(databaseConnections);
  const further = createSemaphore(furtherAtOnce);
  // One for each: a consumer that hangs takes its own, and none of those of landings, heartbeats and other consumers.
  const connections = Math.max(1, consumers.length) + furtherAtOnce;
  const own = createPool(databaseUrl, { connections, onError: onError('database') });
  const readers = new Map<string, BackgroundLoop>();
  for (const consumer of consumers) {
    const part = `consumer ${consumer.name}`;
    // Without the reason, which may be the listener's words about a payload.
    const onAside = ({ id: event, position }: SetAside) =>
      log.warn({ part, event, position }, 'an event was set aside');
    readers.set(consumer.name, startConsumer(own, consumer, { ...rest, onError: onError(part), onAside, further }));
  }
  for (const publisher of publishers) {
    const { name } = publisher;
    const publishing = { pool, metrics, log, onError: onError(`publisher ${name}`) };
    readers.set(name, startPublishing(publishing, publisher, streams.from, rest));
  }
  const onAnswer = recordWebhookResponse;
  const sent = startWebhooks(pool, { ...deps, ...webhooks, ...rest, onAnswer, onError: onError('webhooks') });
  readers.set(WEBHOOKS_CONSUMER, sent);
  hints.on(STREAM_CHANNEL, () => {
    for (const reader of readers.values()) reader.nudge();
  });
  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    await Promise.all([...readers.values()].map((reader) => reader.stop()));
    await own.end();
  }
  return [
    startRelay(pool, { hints, landingsOver, onError: onError('relay') }),
    watchStream(pool, { readers, sending: sent.sending, onError: onError('stream watch') }),
    { stop: () => (stopped ??= stop()) },
  ];
}
