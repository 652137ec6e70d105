import { type NativeConnection, Runtime } from '@temporalio/worker';
import { nanoid } from 'nanoid';
import type { Logger } from 'pino';
import { createPool } from '../platform/database/pool';
import type { BackgroundLoop } from '../platform/loops/background-loop';
import { errorContextOf } from '../platform/telemetry/error-context';
import { createMetrics } from '../platform/telemetry/metrics';
import { lazyClient } from '../platform/temporal/client';
import { connectToTemporal } from '../platform/temporal/connection';
import type { Topic } from '../topics/topic';
import type { Config } from './config';

/**
 * Opens what a worker of any lane has before it has work: metrics, error reports, the pool, and a client of Temporal.
 * Nothing is connected yet. `close` aborts `over`, stops the parts that were pushed to `background`, and closes all
 * connections.
 */
export function openWorker(config: Config, topics: Topic[], log: Logger) {
  const metrics = createMetrics(
    Runtime.instance().metricMeter,
    topics.map(({ name }) => name),
  );
  const onError =
    (part: string, words = 'will be tried again') =>
    (error: unknown): void => {
      metrics.failed(part);
      log.error({ part, ...errorContextOf(error), err: error }, words);
    };
  const { databaseUrl, databaseConnections: connections } = config;
  const pool = createPool(databaseUrl, { connections, onError: onError('database') });
  const over = new AbortController();
  const background: Pick<BackgroundLoop, 'stop'>[] = [];
  // The client of the background loops. Its connection reconnects by itself; the workers' native one would have to be
  // created anew.
  const { client, connection: asking, close } = lazyClient(config.temporal);
  let connection: NativeConnection | undefined;
  return {
    shared: { client, pool, worker: nanoid(), metrics, log, onError },
    over,
    background,
    /** The workers' connection, as soon as Temporal is there; undefined if `stopping` comes first. */
    async connect(stopping: AbortSignal, wordsWhileAway: string): Promise<NativeConnection | undefined> {
      const { namespace, connectionOptions } = config.temporal;
      const onAway = onError('temporal', wordsWhileAway);
      connection = await connectToTemporal(connectionOptions, { namespace, asking, signal: stopping, onAway });
      return connection;
    },
    async close(): Promise<void> {
      over.abort();
      await Promise.all(background.map((part) => part.stop()));
      await connection?.close();
      await close();
      await pool.end();
    },
  };
}
