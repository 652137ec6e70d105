import { readFile } from 'node:fs/promises';
import { type JetStreamClient, jetstream } from '@nats-io/jetstream';
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  headers,
  type NatsConnection,
} from '@nats-io/transport-node';
import { entityOf } from '../outbox';
import type { StreamedEvent } from '../stream';
import { concurrentBatchesOf } from './concurrent-batches';
import { createLazyConnection } from './lazy-connection';
import { natsRefusalOf, refuseSubject } from './nats-refusal';
import { ensureStream } from './nats-stream';
import { subjectOf } from './nats-subject';
import type { Publisher, RefusedEvent } from './publisher';
import type { NatsSettings } from './settings';

// Enough for TCP and TLS across a continent. The next try follows a second later.
const CONNECT_TIMEOUT_MS = 5_000;
// For a whole batch. Electing a new leader takes less.
const PUBLISH_TIMEOUT_MS = 10_000;

interface JetStream {
  connection: NatsConnection;
  client: JetStreamClient;
  streamIsThere: boolean;
}

/**
 * Publishes to a JetStream stream. Within its duplicate window, the stream drops an event if it has stored the event's
 * id before.
 */
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
        const refused: RefusedEvent[] = [];
        const held = new Set<string>();
        for (const batch of concurrentBatchesOf(events)) {
          const toStore = batch.filter(({ event }) => !held.has(entityOf(event)));
          const refusedNow = await store(jetStream.client, stream, toStore, deadline - performance.now());
          for (const { position, event, reason } of refusedNow) {
            refused.push({ position, reason });
            held.add(entityOf(event));
          }
        }
        return refused;
      }),
    close: broker.close,
  };
}

/** Stores events of different messages at once. Returns those that NATS refuses, and throws if any other is not stored. */
async function store(
  client: JetStreamClient,
  stream: string,
  batch: StreamedEvent[],
  timeoutMs: number,
): Promise<(StreamedEvent & RefusedEvent)[]> {
  if (timeoutMs <= 0) throw new Error(`NATS took longer than ${PUBLISH_TIMEOUT_MS / 1000} s for a batch`);
  const storeOne = async (streamed: StreamedEvent) => {
    const { event } = streamed;
    const subject = subjectOf(event);
    const refusal = refuseSubject(subject);
    if (refusal) return { ...streamed, reason: refusal };
    // Of each event its own: the client writes the id into them.
    const ownHeaders = headers();
    ownHeaders.set('content-type', 'application/cloudevents+json');
    try {
      await client.publish(subject, JSON.stringify(event), {
        // A header cannot hold a line break; an event's type may.
        msgID: event.id.replaceAll(/[\r\n]/g, encodeURIComponent),
        // If another stream also takes these subjects, its acknowledgement does not count.
        expect: { streamName: stream },
        headers: ownHeaders,
        timeout: timeoutMs,
      });
      return undefined;
    } catch (error) {
      const reason = natsRefusalOf(error);
      if (reason === undefined) throw error;
      return { ...streamed, reason };
    }
  };
  // Waits for all, also after a failure: no event of this batch may still be on its way when the batch is tried again.
  const stored = await Promise.allSettled(batch.map(storeOne));
  const failed = stored.findIndex(({ status }) => status === 'rejected');
  if (failed < 0) return stored.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
  const { reason } = stored[failed] as PromiseRejectedResult;
  // No server answered. The client's own message names only one of the two possible causes.
  const why = reason.name === 'JetStreamNotEnabled' ? 'no stream takes it, or JetStream is off' : reason.message;
  throw new Error(`NATS did not store ${batch[failed]?.event.id}: ${why}`, { cause: reason });
}

async function optionsOf(settings: NatsSettings): Promise<ConnectionOptions> {
  const { servers, tls, login, credentialsFile } = settings;
  return {
    servers,
    name: 'postdate',
    // The lazy connection opens another one, and that tries all servers.
    reconnect: false,
    timeout: CONNECT_TIMEOUT_MS,
    ...(tls && { tls }),
    ...login,
    // Read at each connection, because credentials are renewed.
    ...(credentialsFile && { authenticator: credsAuthenticator(await readFile(credentialsFile)) }),
  };
}
