import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { startNats } from '../../local/nats';
import { natsPublisher } from '../../src/events/brokers/nats';
import { originOf } from '../../src/events/outbox';
import type { Place, Stored } from './brokers';
import { eventually } from './eventually';

const STREAM = 'TEST';

type Login = { user: string; pass: string };

/** Asks the server for what it knows of its streams, or changes it. */
export async function askNats<Answer>(
  address: string,
  ask: (manager: JetStreamManager) => Promise<Answer>,
  login?: Login,
): Promise<Answer> {
  const connection = await eventually(() => connect({ servers: address, ...login }));
  try {
    return await ask(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

/** All that a stream has stored, in its order. */
export const storedByNats = (address: string, stream: string, login?: Login): Promise<Stored[]> =>
  askNats(address, (manager) => allOf(manager, stream), login);

async function allOf({ streams }: JetStreamManager, stream: string): Promise<Stored[]> {
  const { state } = await streams.info(stream);
  const sequences = Array.from({ length: state.last_seq }, (_, index) => index + 1);
  const messages = await Promise.all(sequences.map((seq) => streams.getMessage(stream, { seq })));
  return messages.map((message) => {
    if (!message) throw new Error('a message is not there any more');
    const event = message.json<Stored['event']>();
    const { topic, tenant, key } = originOf(event);
    const headers = Object.fromEntries(message.header.keys().map((name) => [name, message.header.get(name)]));
    const id = message.header.get('Nats-Msg-Id');
    return { id, lane: `${topic}:${tenant}:${key}`, headers: { ...headers, subject: message.subject }, event };
  });
}

export function natsPlace(): Place {
  const executable = process.env.POSTDATE_TEST_NATS_SERVER;
  let address = '';
  let port: number | undefined;
  return {
    name: 'NATS JetStream',
    ...(!executable && { absent: 'there is no nats-server, and Debian’s cannot be fetched' }),
    async launch(folder) {
      const server = await startNats({ executable: executable as string, folder, port });
      ({ address, port } = server);
      return server;
    },
    publisher: () => natsPublisher({ servers: [address], stream: STREAM, keepDays: 30 }),
    stored: () => storedByNats(address, STREAM),
    limit: (bytes) =>
      askNats(address, async ({ streams }) => void (await streams.update(STREAM, { max_msg_size: bytes }))),
    // Two streams cannot take the same subjects.
    renew: () =>
      askNats(address, async ({ streams }) => {
        for await (const { config } of streams.list()) await streams.delete(config.name);
      }),
  };
}
