import { createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What a link does to what goes over it. */
export type LinkMode =
  /** As if it were not there. */
  | 'pass'
  /** Refuses new connections, and closes the present ones. */
  | 'refuse'
  /** Connections stay, and nothing arrives. */
  | 'blackHole'
  /** Everything arrives, later. */
  | 'delay'
  /** Everybody gets a connection, and loses it in the middle of something. */
  | 'reset'
  /** PostgreSQL's COMMIT arrives, and its answer does not: the caller cannot know. */
  | 'dropReplyToCommit';

export interface Link {
  port: number;
  /** Takes effect on the connections there are, too. */
  setMode(mode: LinkMode): void;
  /** How many connections or chunks a mode other than `pass` has affected. */
  bites(): number;
  stop(): Promise<void>;
}

// Longer than what any part takes for a slow answer of a healthy peer, shorter than its deadlines.
const DELAY_MS = 400;
// Enough to get through a handshake and into the work.
const RESET_AFTER_CHUNKS = 20;

/** Promises a TCP proxy on a free port of 127.0.0.1, the only way between two parts of the system. */
export async function startLink(targetPort: () => number): Promise<Link> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let mode: LinkMode = 'pass';
  let bites = 0;
  const modes = new Set<() => void>();
  const bite = () => {
    bites += 1;
  };

  const listener = createServer((client) => {
    if (mode === 'refuse') {
      bite();
      client.resetAndDestroy();
      return;
    }
    const server = createConnection({ host: '127.0.0.1', port: targetPort() });
    const pair = { client, server };
    pairs.add(pair);
    let commitIsLost = false;
    let carried = 0;
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      // What it was sent it may still do.
      server.end();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    const isReset = () => {
      if (mode !== 'reset') return false;
      carried += 1;
      return carried >= RESET_AFTER_CHUNKS;
    };
    const reset = () => {
      bite();
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    forward(client, async (chunk) => {
      if (isReset()) {
        server.write(chunk.subarray(0, chunk.length / 2));
        return reset();
      }
      if (mode === 'dropReplyToCommit' && !commitIsLost && isCommit(chunk)) {
        commitIsLost = true;
        bite();
        server.write(chunk);
        // Time enough for the commit to be done before its connection is seen to break.
        await pause(100);
        client.resetAndDestroy();
        return;
      }
      server.write(chunk);
    });
    forward(server, async (chunk) => {
      if (isReset()) return reset();
      if (!commitIsLost) client.write(chunk);
    });
  });

  /** Passes chunks on in their order, as the mode has it at the time. */
  function forward(from: Socket, write: (chunk: Buffer) => Promise<void>): void {
    let line = Promise.resolve();
    from.on('data', (chunk) => {
      line = line.then(async () => {
        if (mode === 'delay') {
          bite();
          await pause(DELAY_MS);
        }
        if (mode === 'blackHole') bite();
        while (mode === 'blackHole' && !from.destroyed) await changed();
        await write(chunk);
      });
    });
  }

  const changed = () =>
    new Promise<void>((resolve) => {
      modes.add(resolve);
    });

  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const { client, server } of pairs) {
      bite();
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };
  return {
    port: (listener.address() as { port: number }).port,
    setMode(wanted) {
      mode = wanted;
      if (mode === 'refuse') cut();
      for (const resolve of modes) resolve();
      modes.clear();
    },
    bites: () => bites,
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        cut();
      }),
  };
}

// The simple query protocol: 'Q', the length, the text, a zero. The client sends it alone.
const isCommit = (chunk: Buffer): boolean => /^Q....commit[;\0]/is.test(chunk.toString('latin1'));
