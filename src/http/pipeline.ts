import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';

type Exchange = Parameters<RequestListener>;

// Hardly any client pipelines. One chunk of a hostile one has thousands of requests.
const MOST_WAITING = 100;

/**
 * Passes the requests of a connection to `listener` one at a time, in their order. Node passes on all that a chunk has,
 * so that one connection would take what many others take. A connection with too many requests waiting is closed.
 */
export function createPipeline(listener: RequestListener, isAdmitted: (request: IncomingMessage) => boolean) {
  const inWork = new WeakMap<Socket, { current: IncomingMessage; waiting: Exchange[] }>();
  const proven = new WeakSet<Socket>();

  function take(...exchange: Exchange): void {
    const [{ socket }] = exchange;
    const line = inWork.get(socket);
    if (socket.destroyed) return;
    if (!line) start(socket, exchange, []);
    else if (line.waiting.length < MOST_WAITING) line.waiting.push(exchange);
    else socket.destroy();
  }

  function start(socket: Socket, exchange: Exchange, waiting: Exchange[]): void {
    const [current, response] = exchange;
    inWork.set(socket, { current, waiting });
    response.once('close', () => {
      if (isAdmitted(current)) proven.add(socket);
      const next = waiting.shift();
      if (!next || socket.destroyed) inWork.delete(socket);
      // Not at once, so that other connections come between.
      else setImmediate(() => start(socket, next, waiting));
    });
    listener(...exchange);
  }

  return {
    take,
    /** Whether this connection has had an answer to an admitted request. */
    isProven: (socket: Socket) => proven.has(socket),
    /** Whether an admitted request of this connection has arrived as a whole, and is not answered yet. */
    isWorking(socket: Socket): boolean {
      const current = inWork.get(socket)?.current;
      return current?.complete === true && isAdmitted(current);
    },
  };
}
