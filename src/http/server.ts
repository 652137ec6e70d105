import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { boundConnections } from './connections';
import { ARRIVAL_TIMEOUT_MS } from './limits';
import { createPipeline } from './pipeline';

// Node looks for late requests this often. Its default, every 30 s, would make a limit of 30 s one of up to 60 s.
const LOOK_EVERY_MS = 500;
// Longer than load balancers keep an idle connection, so that none sends a request on one that has just been closed.
const IDLE_TIMEOUT_MS = 72_000;
// A client that takes nothing of its answer. Longer than any answer takes to make, also to a large batch.
const SILENCE_TIMEOUT_MS = 600_000;

export interface ServerLimits {
  /** How many connections may be open. */
  connections: number;
  /** How long a request may take to arrive, from its connection or its first byte on. */
  arrivalTimeoutMs?: number;
}

/**
 * Node's HTTP server with limits: requests arrive in time, idle and silent connections end, so many connections are
 * open at most, and each has one request in work at a time. `isAdmitted`: whether a request has shown a valid key, so
 * that its connection is not closed for another.
 */
export function createLimitedServer(
  listener: RequestListener,
  { connections: most, arrivalTimeoutMs = ARRIVAL_TIMEOUT_MS }: ServerLimits,
  isAdmitted: (request: IncomingMessage) => boolean,
): Server {
  const pipeline = createPipeline(listener, isAdmitted);
  const server = createServer(
    {
      requestTimeout: arrivalTimeoutMs,
      headersTimeout: arrivalTimeoutMs,
      connectionsCheckingInterval: Math.min(LOOK_EVERY_MS, arrivalTimeoutMs),
      keepAliveTimeout: IDLE_TIMEOUT_MS,
    },
    pipeline.take,
  );
  server.setTimeout(SILENCE_TIMEOUT_MS);
  boundConnections(server, { most, ...pipeline });
  return server;
}
