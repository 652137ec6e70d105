/** A connection that is opened when it is needed. */
export interface LazyConnection<Connection> {
  /** Gives `work` the open connection. One with which anything has failed is not used again. */
  use<Result>(work: (connection: Connection) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

interface Connector<Connection> {
  open(): Promise<Connection>;
  disconnect(connection: Connection): Promise<void>;
  /** Whether it has ended by itself meanwhile. */
  isClosed(connection: Connection): boolean;
}

/**
 * A link for one user at a time. After a failure nobody can say what the other side has taken, and what it still expects of
 * this connection (Kafka counts a producer's batches), so the next use has a new one; reconnecting is no more than that.
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
