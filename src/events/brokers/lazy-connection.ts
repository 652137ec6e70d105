/** A connection that is opened at its first use. */
export interface LazyConnection<Connection> {
  /** Gives `work` the open connection. After any failure the connection is closed, and the next use opens another. */
  use<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

interface Connector<Connection> {
  open(): Promise<Connection>;
  disconnect(connection: Connection): Promise<void>;
  /** Whether the connection has ended by itself. */
  isClosed(connection: Connection): boolean;
}

/**
 * A lazy connection for one user at a time. After a failure it is unknown what the other side has stored, and what it
 * expects next on this connection (Kafka counts a producer's batches). The next use therefore opens a new one, which is
 * also how it reconnects.
 */
export function createLazyConnection<Connection>({
  open,
  disconnect,
  isClosed,
}: Connector<Connection>): LazyConnection<Connection> {
  let connection: Connection | undefined;
  const close = async () => {
    const former = connection;
    connection = undefined;
    if (former && !isClosed(former)) await disconnect(former);
  };
  return {
    async use(work) {
      if (connection && isClosed(connection)) connection = undefined;
      connection ??= await open();
      try {
        return await work(connection);
      } catch (error) {
        await close();
        throw error;
      }
    },
    close,
  };
}
