import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { withClient } from './databases';
import { pinned } from './pinning';
import { freePort } from './ports';
import { type Account, serverAccount } from './postgres-account';
import { postgresBinaries } from './postgres-binaries';
import { dataFolderFor, lockOf } from './postgres-data';
import { endProcess, isRunning, lastLines, until } from './processes';
import { withStartLock } from './start-lock';

export interface PostgresOptions {
  /** Kept between starts; a server that still runs on it is attached to. */
  dataFolder: string;
  port?: number;
  /** False gives up every promise about a power cut, which tests do not need and pay for with each commit. */
  durable?: boolean;
  /** Server parameters beside ours, or instead of them. */
  settings?: Record<string, string>;
  /** The CPUs it may run on, as taskset(1) takes them; without it all of them. */
  cpus?: string;
  /** Added to the server's environment. */
  env?: Record<string, string>;
  log?: (line: string) => void;
}

export interface RunningPostgres {
  url: string;
  port: number;
  pid: number;
  attached: boolean;
  stop(): Promise<void>;
}

// After a hard end the log of the last minutes is replayed first; a busy laptop takes its time for that.
const readyTimeoutMs = 60_000;

/** Promises an answering PostgreSQL on this data folder that listens on 127.0.0.1 only. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const account = serverAccount();
  const native = await postgresBinaries(account);
  const folder = await dataFolderFor(options.dataFolder, { native, account, durable: options.durable !== false });
  const server = await withStartLock(join(folder, 'start.lock'), 3 * readyTimeoutMs, () =>
    attachOrLaunch(folder, native, account, options),
  );
  options.log?.(`PostgreSQL ${server.attached ? 'already runs' : 'runs'} on port ${server.port} (pid ${server.pid})`);
  return {
    ...server,
    url: urlOf(server.port),
    // SIGINT is the fast shutdown: it ends the connections. SIGKILL would leave the backends behind, SIGQUIT does not.
    stop: () =>
      endProcess(server.pid, [
        ['SIGINT', 30_000],
        ['SIGQUIT', 15_000],
      ]),
  };
}

function urlOf(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`;
}

async function attachOrLaunch(folder: string, native: string, account: Account | undefined, options: PostgresOptions) {
  const deadline = Date.now() + readyTimeoutMs;
  for (;;) {
    const found = await attach(folder);
    if (found) return { ...found, attached: true };
    try {
      return { ...(await launch(folder, native, account, options)), attached: false };
    } catch (error) {
      // The backends of a server that was killed hard finish their statement first and hold its memory until then.
      const passes = (error as Error).message.includes('pre-existing shared memory block');
      if (!passes || Date.now() >= deadline) throw error;
      await pause(250);
    }
  }
}

// The parent of a server may have been killed; the server lives on and no second one may open its folder.
async function attach(folder: string): Promise<{ pid: number; port: number } | undefined> {
  const lock = await lockOf(folder);
  if (!lock) return undefined;
  if (!(await isRunning(lock.pid, folder))) {
    // After a reboot the number may belong to another program, and PostgreSQL would refuse to start because of it.
    if (await isRunning(lock.pid)) await rm(join(folder, 'postmaster.pid'), { force: true });
    return undefined;
  }
  return until(async () => {
    // It may be the end of a shutdown that we see; then a new start is right.
    if (!(await isRunning(lock.pid))) return undefined;
    await answers(lock.port, folder);
    return lock;
  }, readyTimeoutMs);
}

async function launch(folder: string, native: string, account: Account | undefined, options: PostgresOptions) {
  const port = options.port ?? (await freePort());
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '200' };
  const careless = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
  const all = { ...settings, ...(options.durable === false ? careless : {}), ...options.settings };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const logFile = join(folder, 'server.log');
  const output = openSync(logFile, 'w');
  const [executable, args] = pinned(options.cpus, join(native, 'bin', 'postgres'), ['-D', folder, '-p', String(port)]);
  const server = spawn(
    executable,
    [...args, ...flags],
    // A session of its own: Ctrl-C goes to the whole group of the terminal, and the database has to end last.
    {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...options.env },
      cwd: folder,
      uid: account?.uid,
      gid: account?.gid,
    },
  );
  closeSync(output);
  let end: string | undefined;
  server.once('error', (error) => {
    end = error.message;
  });
  server.once('exit', (code, signal) => {
    end = `it ended with ${signal ?? code}`;
  });
  server.unref();
  try {
    await until(async () => end ?? answers(port, folder), readyTimeoutMs);
    if (end !== undefined || server.pid === undefined) throw new Error(end ?? 'it has no process id');
    return { pid: server.pid, port };
  } catch (error) {
    if (server.pid !== undefined) await endProcess(server.pid, [['SIGQUIT', 15_000]]);
    const said = lastLines(await readFile(logFile, 'utf8'));
    throw new Error(`PostgreSQL did not start: ${(error as Error).message}\n${said}`, { cause: error });
  }
}

// Another PostgreSQL may hold the port: only the one on our folder counts.
async function answers(port: number, folder: string): Promise<void> {
  const { rows } = await withClient(urlOf(port), (client) => client.query('SHOW data_directory'));
  if (rows[0].data_directory !== folder) throw new Error(`port ${port} belongs to another PostgreSQL`);
}
