import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './address';

/** What is known of a connection: whether an admitted request of it was answered, or is in work as a whole. */
export interface Use {
  isProven(socket: Socket): boolean;
  isWorking(socket: Socket): boolean;
}

/**
 * Keeps at most `most` connections open. One more takes the place of another: of the address with the most, first one
 * that was never let in, then one without a request in work, each time the oldest. So a flood of connections closes
 * its own, and a new client gets in.
 */
export function boundConnections(server: Server, { most, isProven, isWorking }: { most: number } & Use): void {
  const byNetwork = new Map<string, Set<Socket>>();
  let open = 0;

  function closeOneFor(newest: Socket): void {
    const networks = [...byNetwork.values()].sort((one, other) => other.size - one.size);
    const others = (closable: (socket: Socket) => boolean) =>
      networks.flatMap((sockets) => find(sockets, (socket) => socket !== newest && closable(socket)) ?? [])[0];
    const unproven = others((socket) => !isProven(socket) && !isWorking(socket));
    (unproven ?? others((socket) => !isWorking(socket)) ?? newest).destroy();
  }

  server.on('connection', (socket) => {
    const network = networkOf(socket.remoteAddress ?? '');
    const sockets = byNetwork.get(network) ?? new Set();
    byNetwork.set(network, sockets.add(socket));
    open += 1;
    socket.once('close', () => {
      open -= 1;
      sockets.delete(socket);
      if (sockets.size === 0) byNetwork.delete(network);
    });
    if (open > most) closeOneFor(socket);
  });
}

function find(sockets: Set<Socket>, wanted: (socket: Socket) => boolean): Socket | undefined {
  for (const socket of sockets) if (!socket.destroyed && wanted(socket)) return socket;
  return undefined;
}
