import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** Promises a port of 127.0.0.1 that was free a moment ago: the preferred one if possible, else any. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred === undefined) return probe(0);
  try {
    return await probe(preferred);
  } catch (error) {
    // EACCES is a port below 1024, or one that Windows keeps for itself: as little for us as a busy one.
    if (!['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return probe(0);
  }
}

/** Promises that a process listens on this port of 127.0.0.1 now, or the error that says otherwise. */
export async function listens(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

function probe(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const { port: bound } = server.address() as AddressInfo;
      server.close(() => resolve(bound));
    });
  });
}
