import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { createDatabase, withClient } from '../local/databases';
import { startPostgres } from '../local/postgres';
import { endProcess } from '../local/processes';
import { startCluster } from '../local/temporal-cluster';
import { startWorkerProcess, type WorkerProcess } from '../local/worker-process';
import { ensureSearchAttributes } from '../src/search-attributes';
import type { LinkName } from './plan';
import { LINKS } from './plan';
import { type Link, startLink } from './proxy';

export type PartName = 'worker0' | 'worker1' | 'listener' | 'producer0' | 'producer1';

/** The whole system as processes of this machine, each of which may be killed, and every link between them a proxy. */
export interface Parts {
  links: Record<LinkName, Link>;
  /** Past all proxies, for whoever checks. */
  databaseUrl: string;
  temporalAddress(): string;
  pidOf(part: PartName | 'temporal' | 'postgres'): number | undefined;
  startProducers(planFile: string, startedAt: number): Promise<void>;
  restartPostgres(): Promise<void>;
  restartTemporal(): Promise<void>;
  loseTimers(): Promise<number>;
  stop(): Promise<void>;
}

const GRACE = { POSTDATE_SWEEP_GRACE_SECONDS: '3', POSTDATE_SWEEP_EVERY_SECONDS: '2' };

/** Promises all parts at work in this folder. Programs that die are started again by whoever watches over them. */
export async function startParts(folder: string, log: (line: string) => void): Promise<Parts> {
  const stops: (() => Promise<unknown>)[] = [];
  const onDisk = { dataFolder: join(folder, 'application'), settings: { max_connections: '200' } };
  let postgres = await startPostgres(onDisk);
  const fixed = { ...onDisk, port: postgres.port };
  const databaseUrl = await createDatabase(postgres.url, 'application');
  const clusterOptions = { dataFolder: join(folder, 'cluster'), shards: 16 };
  let cluster = await startCluster(clusterOptions);
  stops.push(
    () => cluster.stop(),
    () => postgres.stop(),
  );
  const connection = await Connection.connect({ address: cluster.address });
  await ensureSearchAttributes(connection, 'default');
  await connection.close();

  const temporalPort = () => Number(cluster.address.split(':')[1]);
  const links = {} as Record<LinkName, Link>;
  for (const name of LINKS) links[name] = await startLink(name.endsWith('Database') ? () => fixed.port : temporalPort);
  const through = (database: LinkName) => ({
    ...process.env,
    ...GRACE,
    DATABASE_URL: Object.assign(new URL(databaseUrl), { port: String(links[database].port) }).href,
  });
  const programs = new Map<PartName, WorkerProcess>();
  async function start(
    part: PartName,
    env: NodeJS.ProcessEnv,
    program?: { file: string; args?: string[]; ready: string },
  ) {
    const logFile = join(folder, `${part}.log`);
    const named = program && { name: part, ...program };
    programs.set(part, await startWorkerProcess({ env, logFile, program: named, log }));
  }
  const workerEnv = {
    ...through('workerDatabase'),
    TEMPORAL_ADDRESS: `127.0.0.1:${links.workerTemporal.port}`,
    TEMPORAL_NAMESPACE: 'default',
  };
  await start('worker0', workerEnv);
  await start('worker1', workerEnv);
  const deliveries = join(folder, 'deliveries.ndjson');
  await start('listener', workerEnv, { file: 'chaos/listener.ts', args: [deliveries], ready: 'listener is running' });

  return {
    links,
    databaseUrl,
    temporalAddress: () => cluster.address,
    pidOf(part) {
      if (part === 'temporal') return cluster.pid;
      if (part === 'postgres') return postgres.pid;
      return programs.get(part)?.pid();
    },
    async startProducers(planFile, startedAt) {
      const env = through('producerDatabase');
      for (const number of [0, 1] as const) {
        const part: PartName = `producer${number}`;
        const args = [planFile, String(number), String(startedAt), join(folder, `${part}.ndjson`)];
        await start(part, env, { file: 'chaos/producer.ts', args, ready: 'producer is running' });
      }
    },
    async restartPostgres() {
      postgres = await startPostgres(fixed);
    },
    async restartTemporal() {
      await cluster.stop().catch(() => undefined);
      cluster = await startCluster(clusterOptions);
    },
    loseTimers: () =>
      withClient(
        cluster.temporalDatabases.main,
        async (db) => (await db.query('delete from timer_tasks')).rowCount ?? 0,
      ),
    async stop() {
      for (const [, program] of programs) {
        const pid = program.pid();
        // It may be stopped in its tracks.
        if (pid !== undefined) signalIfThere(pid, 'SIGCONT');
      }
      for (const program of programs.values()) await program.stop();
      for (const link of Object.values(links)) await link.stop();
      for (const stop of stops) await stop();
    },
  };
}

/** Sends a signal to a process, which may have ended meanwhile. True if it was there. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** PostgreSQL as `pg_ctl stop -m immediate` leaves it: no goodbye, and a log to replay. */
export const stopImmediately = (pid: number): Promise<void> => endProcess(pid, [['SIGQUIT', 15_000]]);
