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
  /** Another free one is taken where this one is in use. */
  preferredPort?: number;
  /** Without it the server runs without its Web UI; another free one is taken where this one is in use. */
  preferredUiPort?: number;
  readyTimeoutMs?: number;
  /** Where Prometheus may scrape it; without it, wherever there is room. */
  metricsPort?: number;
  /** Settings of the server beside its own, in Temporal's dynamic configuration: name and JSON value. */
  dynamicConfig?: Record<string, unknown>;
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
  const { executable, namespace = 'default', readyTimeoutMs = 60_000, preferredPort, preferredUiPort, log } = options;
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
    return { found, server: found ?? (await launchAlone()) };
  }

  // Two that start at one moment would find one port free, and the loser would take the winner's server for its own.
  function launchAlone() {
    if (preferredPort === undefined) return launch();
    const lock = join(tmpdir(), `postdate-${process.getuid?.() ?? 'user'}-temporal-${preferredPort}.starting`);
    return withStartLock(lock, 2 * readyTimeoutMs, launch);
  }

  async function launch(attempt = 1): ReturnType<typeof launchTemporal> {
    const port = await freePort(preferredPort);
    const uiPort = preferredUiPort === undefined ? undefined : await freePort(preferredUiPort);
    const logFile = dbFile ? `${dbFile}.log` : join(tmpdir(), `postdate-temporal-${process.pid}-${port}.log`);
    // In WAL mode `normal` survives every end of the process; what a power cut takes is the last moment before it.
    const storage = ['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'];
    const args = [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--namespace', namespace],
      ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
      ...['--log-level', 'warn'],
      ...(options.metricsPort === undefined ? [] : ['--metrics-port', String(options.metricsPort)]),
      ...Object.entries({ 'frontend.enableServerVersionCheck': false, ...options.dynamicConfig }).flatMap(
        ([name, value]) => ['--dynamic-config-value', `${name}=${JSON.stringify(value)}`],
      ),
      ...(dbFile === undefined ? [] : ['--db-filename', dbFile, ...storage]),
    ];
    try {
      return await launchTemporal({ executable, args, port, uiPort, namespace, dbFile, logFile, readyTimeoutMs });
    } catch (error) {
      // Another process took one of the ports between our check and the server's start.
      const taken = (error as Error).message.includes('address already in use');
      if (!taken || attempt === 3) throw error;
      return launch(attempt + 1);
    }
  }
}
