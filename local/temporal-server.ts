import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports';
import { withStartLock } from './start-lock';
import { attachTemporal, launchTemporal, realFile } from './temporal-process';

export interface TemporalOptions {
  executable: string;
  /** Kept between starts; a server that still runs on it is attached to. Without it everything ends with the server. */
  dbFile?: string;
  namespace?: string;
  port?: number;
  /** Without it the server runs without its Web UI. */
  uiPort?: number;
  readyTimeoutMs?: number;
  log?: (line: string) => void;
}

export interface RunningTemporal {
  address: string;
  uiUrl?: string;
  pid: number;
  attached: boolean;
  stop(): Promise<void>;
}

/** Promises a Temporal dev server on 127.0.0.1 that answers for the namespace. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  const { executable, namespace = 'default', readyTimeoutMs = 60_000, uiPort, log } = options;
  const dbFile = options.dbFile === undefined ? undefined : realFile(options.dbFile);
  const { found, server } = dbFile
    ? await withStartLock(`${dbFile}.starting`, 2 * readyTimeoutMs, attachOrLaunch)
    : await attachOrLaunch();
  const address = `127.0.0.1:${server.port}`;
  log?.(`Temporal ${found ? 'already runs' : 'runs'} on ${address} (pid ${server.pid})`);
  const uiUrl = server.uiPort === undefined ? {} : { uiUrl: `http://127.0.0.1:${server.uiPort}` };
  return { address, ...uiUrl, pid: server.pid, attached: found !== undefined, stop: server.stop };

  async function attachOrLaunch() {
    const found = dbFile === undefined ? undefined : await attachTemporal(dbFile, namespace, readyTimeoutMs);
    return { found, server: found ?? (await launch()) };
  }

  async function launch() {
    const port = await freePort(options.port);
    // Asked later, the server that holds the port would answer in place of ours.
    if (port !== (options.port ?? port)) throw new Error(`port ${options.port} is in use; choose another one`);
    const logFile = dbFile ? `${dbFile}.log` : join(tmpdir(), `postdate-temporal-${process.pid}-${port}.log`);
    // In WAL mode `normal` survives every end of the process; what a power cut takes is the last moment before it.
    const storage = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'];
    const args = [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--namespace', namespace],
      ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
      ...['--log-level', 'warn', '--dynamic-config-value', 'frontend.enableServerVersionCheck=false'],
      ...(dbFile === undefined ? [] : ['--db-filename', dbFile, ...storage]),
    ];
    return launchTemporal({ executable, args, port, uiPort, namespace, dbFile, logFile, readyTimeoutMs });
  }
}
