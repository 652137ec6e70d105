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
import { createLink } from './link';
import { ensureStream } from './nats-stream';
import { subjectOf } from './nats-subject';
import type { Publisher } from './publisher';
import type { NatsSettings } from './settings';
import { wavesOf } from './waves';

// Enough for TCP and TLS across a continent; the next try follows in a second.
const CONNECT_TIMEOUT_MS = 5_000;
// For a whole batch. Its transaction is ended by PostgreSQL after 20 s, and everything would have been for nothing.
const PUBLISH_TIMEOUT_MS = 10_000;

interface JetStream {
  connection: NatsConnection;
  client: JetStreamClient;
  streamIsThere: boolean;
}

/** Publishes to a JetStream stream, which drops repeats within its duplicate window by the events' ids. */
export function natsPublisher(settings: NatsSettings): Publisher {
  const { stream } = settings;
  const link = createLink<JetStream>({
    async open() {
      const connection = await connect(await optionsOf(settings));
      return { connection, client: jetstream(connection), streamIsThere: false };
    },
    shut: ({ connection }) => connection.close(),
    isShut: ({ connection }) => connection.isClosed(),
  });
  return {
    name: 'nats',
    connect: () => link.use(async () => undefined),
    publish: (events) =>
      link.use(async (jetStream) => {
        const deadline = performance.now() + PUBLISH_TIMEOUT_MS;
        if (!jetStream.streamIsThere) await ensureStream(jetStream.connection, settings);
        jetStream.streamIsThere = true;
        for (const wave of wavesOf(events)) await store(jetStream.client, stream, wave, deadline - performance.now());
      }),
    close: link.close,
  };
}

async function store(client: JetStreamClient, stream: string, wave: StreamedEvent[], timeoutMs: number): Promise<void> {
  if (timeoutMs <= 0) throw new Error(`NATS took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
  const contentType = headers();
  contentType.set('content-type', 'application/cloudevents+json');
  // All at once, and all awaited, so that nothing of this wave is on its way any more when it is tried again.
  const stored = await Promise.allSettled(
    wave.map(async ({ event }) =>
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
  throw new Error(`NATS did not store ${wave[refused]?.event.id}: ${reason.message}`, { cause: reason });
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
