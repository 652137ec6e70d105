import { Connection } from '@temporalio/client';
import { withClient } from '../../local/databases';
import { endProcess } from '../../local/processes';
import { startCluster } from '../../local/temporal-cluster';
import { ensureSearchAttributes } from '../../src/platform/temporal/search-attributes';
import type { Link } from './proxy';

/** A Temporal cluster whose way to its own database is a link. */
export interface Temporal {
  address(): string;
  pid(): number;
  databasePid(): number;
  crashServer(): Promise<void>;
  crashDatabase(): Promise<void>;
  /** Resolves when it serves again, on the address it had. */
  restart(): Promise<void>;
  /**
   * Deletes the tasks of timers, as if they had been lost (temporalio/temporal#11869): of those that workflows sleep by, or of
   * all, time-outs among them. Returns how many.
   */
  loseTimers(which: 'sleeping' | 'all'): Promise<number>;
  stop(): Promise<void>;
}

const SHARDS = 16;
const RESTART_TRIES = 5;
// In persistence.v1.TimerTaskInfo: the run's id, a UUID as field 3, and behind it field 4, TASK_TYPE_USER_TIMER.
const SLEEPING = `where encode(data, 'hex') ~ '1a24[0-9a-f]{72}200e'`;

export async function startTemporal(
  folder: string,
  startLink: (targetPort: () => number) => Promise<Link>,
): Promise<{ temporal: Temporal; link: Link }> {
  let databasePort = 0;
  const link = await startLink(() => databasePort);
  const options = {
    dataFolder: folder,
    shards: SHARDS,
    databaseVia(url: string): string {
      databasePort = Number(new URL(url).port);
      return Object.assign(new URL(url), { port: String(link.port) }).href;
    },
  };
  let cluster = await startCluster(options);
  const connection = await Connection.connect({ address: cluster.address });
  await ensureSearchAttributes(connection, 'default');
  await connection.close();

  let stopped = false;
  let starting = Promise.resolve();
  async function startAgain(): Promise<void> {
    const { address } = cluster;
    // What is left of it: a server without its database, or the other way round.
    await cluster.stop().catch(() => undefined);
    for (let tries = 1; !stopped; tries += 1) {
      try {
        cluster = await startCluster(options);
        break;
      } catch (error) {
        if (tries === RESTART_TRIES) throw error;
      }
    }
    if (cluster.address !== address) throw new Error(`Temporal has moved from ${address} to ${cluster.address}`);
  }

  const temporal: Temporal = {
    address: () => cluster.address,
    pid: () => cluster.pid,
    databasePid: () => cluster.postgresPid,
    crashServer: () => endProcess(cluster.pid, [['SIGKILL', 15_000]]),
    crashDatabase: () => endProcess(cluster.postgresPid, [['SIGQUIT', 15_000]]),
    restart: () => (starting = startAgain()),
    loseTimers: (which) =>
      withClient(
        cluster.temporalDatabases.main,
        async (db) => (await db.query(`delete from timer_tasks ${which === 'all' ? '' : SLEEPING}`)).rowCount ?? 0,
      ),
    async stop() {
      stopped = true;
      await starting.catch(() => undefined);
      await cluster.stop();
    },
  };
  return { temporal, link };
}
