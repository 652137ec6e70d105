import { join } from 'node:path';
import { cacheFolder } from './cache';
import { fetchDebianPackages } from './debian-package';
import { executableName, fromEnvironment, isExecutable, onPath } from './executables';
import { freePort, listens } from './ports';
import { launchServer } from './server-process';

export interface NatsOptions {
  executable: string;
  /** Kept between starts: what JetStream has stored, and the log. */
  folder: string;
  /** That of a server which was there before. Default: a free one. */
  port?: number;
  /** Further arguments: users, TLS. */
  args?: string[];
}

export interface RunningNats {
  address: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

// It listens within a tenth of a second; neighbours may hold the machine.
const READY_TIMEOUT_MS = 30_000;

/** Promises a `nats-server`: the one you have, else Debian's, fetched once into our cache; nothing if there is none. */
export async function findNatsServer({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  const owned = fromEnvironment('NATS_SERVER_PATH') ?? onPath('nats-server');
  if (owned) return owned;
  const folder = join(cacheFolder(), 'nats-server');
  const file = join('usr', 'sbin', executableName('nats-server'));
  const fetched = join(folder, file);
  if (isExecutable(fetched)) return fetched;
  try {
    await fetchDebianPackages(folder, { packages: ['nats-server'], file });
    return fetched;
  } catch (error) {
    log(`no nats-server: ${(error as Error).message}`);
    return undefined;
  }
}

/** Promises a NATS server with JetStream on 127.0.0.1. */
export async function startNats({ executable, folder, port: given, args = [] }: NatsOptions): Promise<RunningNats> {
  const port = given ?? (await freePort());
  const { pid, stop } = await launchServer({
    name: 'nats-server',
    command: [
      executable,
      ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', folder, ...args],
    ],
    env: process.env,
    cwd: folder,
    logFile: join(folder, 'nats-server.log'),
    onSpawned: () => undefined,
    ready: () => listens(port),
    readyTimeoutMs: READY_TIMEOUT_MS,
    // At SIGTERM it closes its files and ends.
    stopSteps: [
      ['SIGTERM', 10_000],
      ['SIGKILL', 5_000],
    ],
  });
  return { address: `127.0.0.1:${port}`, port, pid, stop };
}
