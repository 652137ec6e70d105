import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createDatabase } from '../../local/databases';
import { createFakeClock, type FakeClock, findFaketime } from '../../local/faketime';
import { startPostgres } from '../../local/postgres';
import { endProcess } from '../../local/processes';
import { canMount, mountSmallDisk, type SmallDisk } from '../../local/small-disk';

/** PostgreSQL with ledger and business rows, on a disk that can be full and by a clock that can be wrong. */
export interface ApplicationDatabase {
  /** Past all proxies, for the checks. */
  url: string;
  port: number;
  pid(): number;
  /** No goodbye, and a log to replay; with SIGKILL its backends find out by themselves. */
  crash(signal: 'SIGQUIT' | 'SIGKILL'): Promise<void>;
  /** Resolves when it serves, after as many starts as that takes. */
  restart(): Promise<void>;
  /** Absent where this machine cannot mount one. */
  disk?: SmallDisk;
  /** Absent where libfaketime cannot be had. */
  clock?: FakeClock;
  stop(): Promise<void>;
}

// Room for a run of an hour: a cluster takes 40 MB, its log four times 16, a thousand messages some 3.
const DISK_MEGABYTES = 400;
const SETTINGS = { max_connections: '200', max_wal_size: '64MB', min_wal_size: '32MB' };
const RESTART_TRIES = 60;

export async function startApplicationDatabase(
  folder: string,
  log: (line: string) => void,
): Promise<ApplicationDatabase> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
  const disk = canMount() ? await mountSmallDisk(folder, DISK_MEGABYTES) : undefined;
  const library = await findFaketime({ log });
  // Beside the disk: the time can be put right while that is full.
  const clock = library ? await createFakeClock(library, `${folder}.faketime`) : undefined;
  const options = { dataFolder: join(folder, 'postgres'), settings: SETTINGS, env: clock?.env };
  let postgres = await startPostgres(options);
  const fixed = { ...options, port: postgres.port };
  const url = await createDatabase(postgres.url, 'application');

  let stopped = false;
  let starting = Promise.resolve();
  async function startAgain(): Promise<void> {
    for (let tries = 1; !stopped; tries += 1) {
      try {
        // One that still runs is attached to.
        postgres = await startPostgres(fixed);
        return;
      } catch (error) {
        if (tries === RESTART_TRIES) throw error;
        await pause(1_000);
      }
    }
  }

  return {
    url,
    port: postgres.port,
    pid: () => postgres.pid,
    crash: (signal) => endProcess(postgres.pid, [[signal, 15_000]]),
    restart: () => (starting = startAgain()),
    disk,
    clock,
    async stop() {
      stopped = true;
      // One that is only just being started has to be there before it can be stopped.
      await starting.catch(() => undefined);
      await postgres.stop();
      await disk?.unmount();
      await rm(`${folder}.faketime`, { force: true });
    },
  };
}
