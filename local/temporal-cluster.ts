import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { endLeftover, stopSteps, writeNote } from './cluster-note';
import { clusterReady } from './cluster-ready';
import { pinned } from './pinning';
import { listens } from './ports';
import { type PostgresOptions, type RunningPostgres, startPostgres } from './postgres';
import { reachableFolder } from './postgres-account';
import { launchServer } from './server-process';
import { withStartLock } from './start-lock';
import { createTemporalDatabases, forgetMembers } from './temporal-schema';
import { findTemporalServer } from './temporal-server-executables';
import { dynamicConfiguration, serverEnvironment, serverPorts } from './temporal-server-settings';

export interface ClusterOptions {
  /** Kept between starts, and with it everything that waits. */
  dataFolder: string;
  /** Decided by the first start on a folder. */
  shards?: number;
  namespace?: string;
  /** Of each task queue. Default: the server's own, which is four. On a folder with tasks that wait it must not be lowered. */
  taskQueuePartitions?: number;
  /** CPU lists for taskset(1), '0' or '2-3'; a part without one is not pinned. */
  taskset?: { server?: string; postgres?: string };
  /** Parameters of its PostgreSQL beside ours. */
  postgresSettings?: Record<string, string>;
  /** By which address the server reaches its PostgreSQL, for who wants to stand in between. Default: directly. */
  databaseVia?: (databaseUrl: string) => string;
  log?: (line: string) => void;
}

export interface RunningCluster {
  /** Of the frontend, for clients and workers. */
  address: string;
  /** Of the server's Prometheus metrics. */
  metricsUrl: string;
  /** Of the PostgreSQL server: its maintenance database. */
  databaseUrl: string;
  /** Of Temporal's own two databases. */
  temporalDatabases: { main: string; visibility: string };
  /** Of temporal-server. */
  pid: number;
  postgresPid: number;
  logFile: string;
  stop(): Promise<void>;
}

// 512 shards are taken within five seconds on two free cores; neighbours may hold those.
const READY_TIMEOUT_MS = 120_000;
// A start that waits for PostgreSQL's recovery, makes the schema and then waits for the server.
const START_TIMEOUT_MS = 5 * 60_000;

/**
 * Promises temporal-server on PostgreSQL, as it runs in production but on one machine and on 127.0.0.1 only, serving
 * the namespace. Nothing of it is left when this rejects, or once `stop` has resolved.
 */
export async function startCluster(options: ClusterOptions): Promise<RunningCluster> {
  const { shards = 512, namespace = 'default', taskset = {}, databaseVia = (url) => url, log } = options;
  const { taskQueuePartitions } = options;
  const executables = await findTemporalServer({ log: log ?? (() => {}) });
  await mkdir(options.dataFolder, { recursive: true });
  const dataFolder = await realpath(options.dataFolder);
  return withStartLock(join(dataFolder, 'start.lock'), START_TIMEOUT_MS, async () => {
    const lastPort = await endLeftover(dataFolder, log);
    const postgres = await startOwnPostgres({
      dataFolder: reachableFolder(join(dataFolder, 'postgres')),
      // The server's pools take 50; the rest is for workers, benchmarks and their databases.
      settings: { max_connections: '300', ...options.postgresSettings },
      cpus: taskset.postgres,
      log,
    });
    try {
      const temporalDatabases = await createTemporalDatabases(executables.sqlTool, postgres.url);
      await forgetMembers(temporalDatabases.main);
      const server = await launch(postgres.url, lastPort);
      log?.(`temporal-server runs on ${server.address} (pid ${server.pid}), log in ${server.logFile}`);
      let stopped: Promise<void> | undefined;
      const stop = () => (stopped ??= server.stop().finally(postgres.stop));
      return { ...server, databaseUrl: postgres.url, temporalDatabases, postgresPid: postgres.pid, stop };
    } catch (error) {
      await postgres.stop();
      throw error;
    }
  });

  async function launch(databaseUrl: string, preferredPort?: number, attempt = 1): ReturnType<typeof launchOnce> {
    try {
      return await launchOnce(databaseUrl, preferredPort);
    } catch (error) {
      // Another process took one of the ports between our check and the server's start.
      const taken = (error as Error).message.includes('address already in use');
      if (!taken || attempt === 3) throw error;
      return launch(databaseUrl, preferredPort, attempt + 1);
    }
  }

  async function launchOnce(databaseUrl: string, preferredPort?: number) {
    const ports = await serverPorts(preferredPort);
    const address = `127.0.0.1:${ports.frontend}`;
    const metricsUrl = `http://127.0.0.1:${ports.metrics}/metrics`;
    const dynamicConfigFile = join(dataFolder, 'dynamic-config.yaml');
    await writeFile(dynamicConfigFile, dynamicConfiguration({ taskQueuePartitions }));
    const logFile = join(dataFolder, 'temporal-server.log');
    // With an embedded configuration the root is without effect; on the command line it tells whose server it is.
    const args = ['--root', dataFolder, '--allow-no-auth', 'start'];
    let seenShards = shards;
    const server = await launchServer({
      name: 'temporal-server',
      command: pinned(taskset.server, executables.server, args),
      env: serverEnvironment({ databaseUrl: databaseVia(databaseUrl), ports, shards, dynamicConfigFile }),
      cwd: dataFolder,
      logFile,
      onSpawned: (pid) => writeNote(dataFolder, { startedBy: process.pid, server: pid, port: ports.frontend }),
      async ready() {
        // gRPC waits a second after a refused connection; a bare socket knows at once that the server does not listen
        // yet.
        await listens(ports.frontend);
        seenShards = await clusterReady({ namespace, shards }, { address, metricsUrl });
      },
      readyTimeoutMs: READY_TIMEOUT_MS,
      stopSteps,
    });
    if (seenShards !== shards) {
      await server.stop();
      throw new Error(`${dataFolder} was made with ${seenShards} shards, not ${shards}; choose another folder`);
    }
    return { ...server, address, metricsUrl, logFile };
  }
}

// One that a killed parent left behind may be pinned otherwise, which a benchmark would not notice.
async function startOwnPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const postgres = await startPostgres(options);
  if (!postgres.attached) return postgres;
  await postgres.stop();
  return startPostgres(options);
}
