import { Client, Connection } from '@temporalio/client';
import { DATA_CONVERTER } from './data-converter';
import type { TemporalSettings } from './settings';

/** A client with a connection of its own. Close the connection when the client is done. */
export interface TemporalClient {
  client: Client;
  connection: Connection;
}

/**
 * `identity`: how the caller is named in the history of each message that the client touches. Default: process and
 * host.
 */
interface CallerOptions {
  identity?: string;
}

const clientOn = (connection: Connection, { namespace }: TemporalSettings, { identity }: CallerOptions) =>
  new Client({ connection, namespace, identity, dataConverter: DATA_CONVERTER });

/** Connects a client. Rejects if Temporal cannot be reached. */
export async function connectClient(settings: TemporalSettings, caller: CallerOptions = {}): Promise<TemporalClient> {
  const connection = await Connection.connect(settings.connectionOptions);
  return { connection, client: clientOn(connection, settings, caller) };
}

/** A client that connects at its first call, and reconnects after an outage. */
export function lazyClient(settings: TemporalSettings): TemporalClient {
  const connection = Connection.lazy(settings.connectionOptions);
  return { connection, client: clientOn(connection, settings, {}) };
}
