import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createDatabase } from './databases';
import { startPostgres } from './postgres';
import { reachableFolder } from './postgres-account';
import { findTemporal } from './temporal-cli';
import { startTemporal } from './temporal-server';
import { waitingMessagesUrl } from './web-ui';
import { HTTP, startWorkerProcess } from './worker-process';

export interface Stack {
  /** The environment that every part of the stack is configured by. */
  env: NodeJS.ProcessEnv;
  /** The Web UI, already filtered to the waiting messages; undefined beside a configured Temporal, whose UI may be anywhere. */
  waitingUrl?: string;
  dataFolder: string;
  workerPid(): number | undefined;
  stop(): Promise<void>;
}

interface Options {
  dataFolder: string;
  env: NodeJS.ProcessEnv;
  watch?: boolean;
  log: (line: string) => void;
}

/**
 * Promises everything that Postdate needs: what the environment configures is used, what it does not is started, in
 * order: PostgreSQL, Temporal, worker. `stop` ends in the reverse order what was started, and only that.
 */
export async function startStack({ dataFolder, env: given, watch, log }: Options): Promise<Stack> {
  await mkdir(dataFolder, { recursive: true });
  const env = { ...given };
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const stopPart of stops.splice(0).reverse()) await stopPart();
  };
  try {
    if (!env.DATABASE_URL) {
      const postgres = await startPostgres({ dataFolder: reachableFolder(join(dataFolder, 'postgres')), log });
      stops.push(postgres.stop);
      env.DATABASE_URL = await createDatabase(postgres.url, 'postdate');
      // With a database that is only here, so are the listeners.
      env.POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES ??= 'allow';
    }
    let waitingUrl: string | undefined;
    if (!env.TEMPORAL_ADDRESS) {
      const temporal = await startTemporal({
        executable: await findTemporal({ log }),
        dbFile: join(dataFolder, 'temporal.db'),
        preferredPort: 7233,
        preferredUiPort: 8233,
        log,
      });
      stops.push(temporal.stop);
      env.TEMPORAL_ADDRESS = temporal.address;
      env.TEMPORAL_NAMESPACE = 'default';
      waitingUrl = temporal.uiUrl && waitingMessagesUrl(temporal.uiUrl);
    }
    // The API has an event loop of its own, so that no request delays a landing.
    const isApart = Boolean(env.POSTDATE_HTTP_ADDRESS) && env.POSTDATE_HTTP_IN_WORKER !== 'serve';
    const ofWorker = isApart ? { ...env, POSTDATE_HTTP_IN_WORKER: 'off' } : env;
    const worker = await startWorkerProcess({ env: ofWorker, logFile: join(dataFolder, 'worker.log'), watch, log });
    stops.push(worker.stop);
    log(`worker, relay and listener run (pid ${worker.pid()}), log in ${join(dataFolder, 'worker.log')}`);
    if (isApart) stops.push((await startHttpProcess({ env, dataFolder, watch, log })).stop);
    return { env, waitingUrl, dataFolder, workerPid: worker.pid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startHttpProcess({ env: given, dataFolder, watch, log }: Options) {
  const logFile = join(dataFolder, 'http.log');
  // The worker listens for Prometheus already.
  const env: NodeJS.ProcessEnv = { ...given, POSTDATE_METRICS_ADDRESS: '' };
  const http = await startWorkerProcess({ program: HTTP, env, logFile, watch, log });
  log(`the HTTP API listens at http://${env.POSTDATE_HTTP_ADDRESS} (pid ${http.pid()}), log in ${logFile}`);
  return http;
}

/** Resolves at the first Ctrl-C or SIGTERM. */
export const toldToStop = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
