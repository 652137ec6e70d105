import { Client, Connection } from '@temporalio/client';
import { DATA_CONVERTER } from './data-converter';
import type { TemporalSettings } from './temporal-settings';

/** A client, and the connection that it has to itself, to be closed when the client is done. */
export interface TemporalClient {
  client: Client;
  connection: Connection;
}

/** `identity`: how the caller is named in the history of each message that the client touches. Default: process and host. */
interface CallerOptions {
  identity?: string;
}

const clientOn = (connection: Connection, { namespace }: TemporalSettings, { identity }: CallerOptions) =>
  new Client({ connection, namespace, identity, dataConverter: DATA_CONVERTER });

/** Promises a client that is connected; rejects when Temporal cannot be reached. */
export async function connectClient(settings: TemporalSettings, caller: CallerOptions = {}): Promise<TemporalClient> {
  const connection = await Connection.connect(settings.connectionOptions);
  return { connection, client: clientOn(connection, settings, caller) };
}

/** A client that connects when it is first asked, and again whenever Temporal has been away. */
export function lazyClient(settings: TemporalSettings): TemporalClient {
  const connection = Connection.lazy(settings.connectionOptions);
  return { connection, client: clientOn(connection, settings, {}) };
}
