import { Client, Connection, type ConnectionLike, type ConnectionOptions } from '@temporalio/client';
import { type CallRetries, createCallRetries } from './call-retries';
import { DATA_CONVERTER } from './data-converter';
import type { TemporalSettings } from './settings';

/** A client with a connection of its own. `close` ends both. */
export interface TemporalClient {
  client: Client;
  connection: Connection;
  close(): Promise<void>;
}

/**
 * `identity`: how the caller is named in the history of each message that the client touches. Default: process and
 * host.
 */
interface CallerOptions {
  identity?: string;
}

/** Connects a client. Rejects if Temporal cannot be reached. */
export async function connectClient(settings: TemporalSettings, caller: CallerOptions = {}): Promise<TemporalClient> {
  const retries = createCallRetries();
  const connection = await Connection.connect(optionsWith(settings, retries));
  return clientOn(connection, { settings, caller, retries });
}

/** A client that connects at its first call, and reconnects after an outage. */
export function lazyClient(settings: TemporalSettings): TemporalClient {
  const retries = createCallRetries();
  return clientOn(Connection.lazy(optionsWith(settings, retries)), { settings, caller: {}, retries });
}

/**
 * A client on the connection of this process's workers, which can take the first task of a workflow with the answer to its start. It
 * ends with that connection.
 */
export const clientOfWorkers = (connection: ConnectionLike, { namespace }: TemporalSettings): Client =>
  new Client({ connection, namespace, dataConverter: DATA_CONVERTER });

const optionsWith = ({ connectionOptions }: TemporalSettings, { interceptors }: CallRetries): ConnectionOptions => ({
  ...connectionOptions,
  interceptors,
});

function clientOn(
  connection: Connection,
  { settings, caller, retries }: { settings: TemporalSettings; caller: CallerOptions; retries: CallRetries },
): TemporalClient {
  return {
    connection,
    client: new Client({
      connection,
      namespace: settings.namespace,
      identity: caller.identity,
      dataConverter: DATA_CONVERTER,
    }),
    async close() {
      await retries.end();
      await connection.close();
    },
  };
}
