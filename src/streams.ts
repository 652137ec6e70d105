import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { BackgroundLoop } from './background-loop';
import type { Config } from './config';
import { type Consumer, startConsumer } from './consumer';
import { recordWebhookResponse } from './forward/webhook-response';
import type { AfterLandings } from './landing/after-landings';
import type { Metrics } from './metrics';
import { startRelay } from './relay';
import { listenForHints } from './stream-hint';
import type { Publisher } from './streams/publisher';
import { startPublishing } from './streams/publishing';
import { startWebhooks } from './webhooks/start';

interface StreamDeps {
  pool: Pool;
  worker: string;
  log: Logger;
  metrics: Metrics;
  landingsOver: AfterLandings;
  onError(part: string): (error: unknown) => void;
}

/** The brokers that the configuration names, not connected yet. */
export const publishersOf = ({ streams: { nats, kafka } }: Config): Publisher[] => [
  ...(nats ? [load<typeof import('./streams/nats')>('./streams/nats').natsPublisher(nats)] : []),
  ...(kafka ? [load<typeof import('./streams/kafka')>('./streams/kafka').kafkaPublisher(kafka)] : []),
];

// Only the configured clients are loaded: both would cost a worker without brokers 17 MB.
const load = <Module>(path: string): Module => require(path);

/**
 * Starts all that takes events from the outbox to their receivers: the relay, and a loop for each consumer, each
 * broker, and the webhooks. The webhooks' loop goes at its own pace and retries for as long as a listener is away.
 */
export function startStream(
  { databaseUrl, streams, webhooks }: Config,
  { consumers, publishers }: { consumers: Consumer[]; publishers: Publisher[] },
  deps: StreamDeps,
): Pick<BackgroundLoop, 'stop'>[] {
  const { pool, metrics, landingsOver, onError } = deps;
  const loops = [
    ...consumers.map((consumer) => startConsumer(pool, consumer, { onError: onError(`consumer ${consumer.name}`) })),
    ...publishers.map((publisher) =>
      startPublishing({ pool, metrics, onError: onError(`publisher ${publisher.name}`) }, publisher, streams.from),
    ),
    startWebhooks(pool, { ...deps, ...webhooks, onAnswer: recordWebhookResponse, onError: onError('webhooks') }),
  ];
  const onHint = () => {
    for (const loop of loops) loop.nudge();
  };
  return [
    startRelay(pool, { landingsOver, onError: onError('relay') }),
    listenForHints(databaseUrl, { onHint, onError: onError('stream hints') }),
    ...loops,
  ];
}
