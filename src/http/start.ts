import type { AddressInfo } from 'node:net';
import { Runtime } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createPool } from '../platform/database/pool';
import { connectClient, type TemporalClient } from '../platform/temporal/client';
import { ensureSearchAttributes } from '../platform/temporal/search-attributes';
import type { Config } from '../process/config';
import { installed } from '../process/installation';
import { migrateSchemas } from '../process/migrate-schemas';
import { type RunningWorker, runProcess } from '../process/run-process';
import { registerTopics } from '../producing/dispatch/register-topics';
import { createApi } from './api';
import type { Application } from './application';
import { readPageTokenKey } from './page-token';

// A pool of its own, also inside a worker: requests never take the connections of landings. The installation's own routes have
// as many of theirs: one that hangs takes none of Postdate's, which reads PostgreSQL's types whatever the installation has set.
const DATABASE_CONNECTIONS = 10;

/** The running HTTP API. `address` is where it listens, as `host:port`. */
export interface RunningHttp extends RunningWorker {
  address: string;
}

/**
 * Starts the HTTP API with connections of its own. Throws, with all of them closed, if the database or Temporal cannot
 * be reached.
 */
export async function startHttp(
  config: Config,
  { topics, schemas, routes }: Application,
  log: Logger,
  stopping?: AbortSignal,
): Promise<RunningHttp> {
  const onError = (error: Error) => log.error({ part: 'http', err: error }, 'database connection lost');
  const connect = (isShared: boolean) =>
    createPool(config.databaseUrl, { connections: DATABASE_CONNECTIONS, onError, isShared });
  const [pool, routesPool] = [connect(false), connect(true)];
  let temporal: TemporalClient | undefined;
  const close = async () => {
    await temporal?.close();
    await Promise.all([pool.end(), routesPool.end()]);
  };
  try {
    await migrateSchemas(pool, { schemas }, { log, signal: stopping });
    await registerTopics(pool, topics);
    temporal = await connectClient(config.temporal);
    const { client, connection } = temporal;
    await ensureSearchAttributes(connection, config.temporal.namespace);
    const { address: wanted = DEFAULT_ADDRESS, inWorker, ...limits } = config.http;
    const pageTokenKey = await readPageTokenKey(pool);
    const meter = Runtime.instance().metricMeter;
    const app = createApi({ client, pool, topics, routes, routesPool, log, ...limits, pageTokenKey, meter });
    const [host, port] = splitAddress(wanted);
    await app.listen({ host, port });
    const { address, port: listening } = app.server.address() as AddressInfo;
    log.info({ address: `${address}:${listening}` }, 'http is listening');

    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const finish = async () => {
      await stopped;
      // Requests in progress are answered first. Those that do not arrive within the grace time are cut off.
      const cutOff = setTimeout(() => app.server.closeAllConnections(), config.shutdownGraceSeconds * 1_000);
      await app.close();
      clearTimeout(cutOff);
      await close();
    };
    return { finished: finish(), stop, address: `${address}:${listening}` };
  } catch (error) {
    await close();
    throw error;
  }
}

const DEFAULT_ADDRESS = '127.0.0.1:8080';

function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}

/** Runs the HTTP API as a process of its own, configured by the environment. */
export const runHttp = (application: Application): Promise<void> =>
  runProcess((config, log, stopping) => startHttp(config, installed(config, application), log, stopping));
