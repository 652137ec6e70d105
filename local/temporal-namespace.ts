import { Connection } from '@temporalio/client';

/** Promises that the server answers for this namespace now, or an error that says why it does not. */
export async function answersFor(address: string, namespace: string): Promise<void> {
  await withConnection(address, (connection) => connection.workflowService.describeNamespace({ namespace }));
}

// A new connection each time: gRPC waits longer and longer between its own attempts, up to two minutes.
async function withConnection<T>(address: string, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address, connectTimeout: '2 seconds' });
  try {
    return await connection.withDeadline(Date.now() + 30_000, () => use(connection));
  } finally {
    await connection.close();
  }
}
