import { join } from 'node:path';
import { createDatabase } from '../../local/databases';
import { startPostgres } from '../../local/postgres';
import { startCluster } from '../../local/temporal-cluster';

/** What a benchmark asks for beyond one cluster with the application's database on its server. CPUs as taskset takes them. */
export interface ServerChoice {
  shards?: number;
  taskset?: { server?: string; postgres?: string };
  /** Of each task queue. Default: as many as Temporal makes by itself, which is four. */
  taskQueuePartitions?: number;
  /** The application's database gets a server of its own, as in production, on these CPUs. */
  ownDatabaseServer?: { cpus?: string };
  /** Only the application's database: nothing of what is measured asks Temporal. */
  withoutTemporal?: boolean;
}

interface Start {
  folder: string;
  servers: ServerChoice;
  log: (line: string) => void;
  onStop: (stop: () => Promise<unknown>) => void;
}

// Effects are measured by their commit times.
export const SETTINGS = { track_commit_timestamp: 'on' };

/** Promises a Temporal cluster, unless none is wanted, and the application's database, both new and both in this folder. */
export async function startServers({ folder, servers, log, onStop }: Start) {
  const { ownDatabaseServer, withoutTemporal = false, ...choice } = servers;
  if (withoutTemporal) return { application: await startOwn(ownDatabaseServer) };
  const dataFolder = join(folder, 'cluster');
  const cluster = await startCluster({ dataFolder, ...choice, postgresSettings: SETTINGS, log });
  onStop(cluster.stop);
  if (!ownDatabaseServer) {
    const url = await createDatabase(cluster.databaseUrl, 'application');
    return { cluster, application: { url, pid: cluster.postgresPid } };
  }
  return { cluster, application: await startOwn(ownDatabaseServer) };

  async function startOwn({ cpus }: { cpus?: string } = {}) {
    const own = await startPostgres({ dataFolder: join(folder, 'application'), settings: SETTINGS, cpus, log });
    onStop(own.stop);
    return { url: await createDatabase(own.url, 'application'), pid: own.pid };
  }
}
