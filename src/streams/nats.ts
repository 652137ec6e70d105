import { readFile } from 'node:fs/promises';
import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  headers,
  type NatsConnection,
} from '@nats-io/transport-node';
import type { StreamedEvent } from '../consumer';
import { concurrentBatchesOf } from './concurrent-batches';
import { createLazyConnection } from './lazy-connection';
import { ensureStream } from './nats-stream';
import { subjectOf } from './nats-subject';
import type { Publisher } from './publisher';
import type { NatsSettings } from './settings';

// Enough for TCP and TLS across a continent; the next try follows in a second.
const CONNECT_TIMEOUT_MS = 5_000;
// For a whole batch; a leader is elected in less.
const PUBLISH_TIMEOUT_MS = 10_000;

interface JetStream {
  connection: NatsConnection;
  client: JetStreamClient;
  streamIsThere: boolean;
}

/** Publishes to a JetStream stream, which drops repeats within its duplicate window by the events' ids. */
export function natsPublisher(settings: NatsSettings): Publisher {
  const { stream } = settings;
  const broker = createLazyConnection<JetStream>({
    async open() {
      const connection = await connect(await optionsOf(settings));
      return { connection, client: jetstream(connection), streamIsThere: false };
    },
    disconnect: ({ connection }) => connection.close(),
    isClosed: ({ connection }) => connection.isClosed(),
  });
  return {
    name: 'nats',
    connect: () => broker.use(async () => undefined),
    publish: (events) =>
      broker.use(async (jetStream) => {
        const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
        if (!jetStream.streamIsThere) await ensureStream(jetStream.connection, settings);
        jetStream.streamIsThere = true;
        for (const batch of concurrentBatchesOf(events))
          await store(jetStream.client, stream, batch, deadline - performance.now());
      }),
    close: broker.close,
  };
}

async function store(
  client: JetStreamClient,
  stream: string,
  batch: StreamedEvent[],
  timeoutMs: number,
): Promise<void> {
  if (timeoutMs <= 0) throw new Error(`NATS took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
  const contentType = headers();
  contentType.set('content-type', 'application/cloudevents+json');
  // All at once, and all awaited, so that nothing of this wave is on its way any more when it is tried again.
  const stored = await Promise.allSettled(
    batch.map(async ({ event }) =>
      client.publish(subjectOf(event), JSON.stringify(event), {
        // A header cannot have a line break, which an event's type might.
        msgID: event.id.replaceAll(/[\r\n]/g, encodeURIComponent),
        // Another stream's acknowledgement, should one take these subjects too, says nothing of ours.
        expect: { streamName: stream },
        headers: contentType,
        timeout: timeoutMs,
      }),
    ),
  );
  const refused = stored.findIndex(({ status }) => status === 'rejected');
  if (refused < 0) return;
  const { reason } = stored[refused] as PromiseRejectedResult;
  // Nobody answered; the client's own words name one of the two causes only.
  const why = reason.name === 'JetStreamNotEnabled' ? 'no stream takes it, or JetStream is off' : reason.message;
  throw new Error(`NATS did not store ${batch[refused]?.event.id}: ${why}`, { cause: reason });
}

async function optionsOf(settings: NatsSettings): Promise<ConnectionOptions> {
  const { servers, tls, login, credentialsFile } = settings;
  return {
    servers,
    name: 'postdate',
    // The link opens another one, and that tries all servers.
    reconnect: false,
    timeout: CONNECT_TIMEOUT_MS,
    ...(tls && { tls }),
    ...login,
    // Read each time, as credentials are renewed.
    ...(credentialsFile && { authenticator: credsAuthenticator(await readFile(credentialsFile)) }),
  };
}
