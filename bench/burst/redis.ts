import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../local/cache';
import { onPath } from '../../local/executables';
import { freePort, listens } from '../../local/ports';
import { run } from '../../local/processes';
import { launchServer } from '../../local/server-process';

interface Redis {
  executable: string;
  env: NodeJS.ProcessEnv;
}

// The server's binary is in redis-tools; of what it needs these are on no plain Debian. Nothing is installed.
const PACKAGES = ['redis-tools', 'libjemalloc2', 'liblzf1'];

/** Promises a redis-server: the one on PATH, else Debian's, unpacked once into our cache. */
export async function findRedis(log: (line: string) => void): Promise<Redis> {
  const owned = onPath('redis-server');
  if (owned) return { executable: owned, env: process.env };
  const folder = join(cacheFolder(), 'redis');
  if (!existsSync(folder)) {
    log('no redis-server on PATH: getting the one of Debian');
    await unpack(folder);
  }
  const [libraries = ''] = readdirSync(join(folder, 'usr', 'lib')).filter((name) => name.includes('linux'));
  return {
    executable: join(folder, 'usr', 'bin', 'redis-server'),
    env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'usr', 'lib', libraries) },
  };
}

/** Promises a Redis on 127.0.0.1 that keeps what it is told, with its files in this folder. */
export async function startRedis({ executable, env }: Redis, folder: string) {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  // Synced each second, its default: a lighter promise than PostgreSQL's, in Redis' favour.
  const durable = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
  const server = await launchServer({
    name: 'redis-server',
    command: [executable, ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...durable]],
    env,
    cwd: folder,
    logFile: join(folder, 'redis.log'),
    onSpawned: () => undefined,
    ready: () => listens(port),
    // It starts empty, within a second.
    readyTimeoutMs: 30_000,
    stopSteps: [
      ['SIGTERM', 20_000],
      ['SIGKILL', 5_000],
    ],
  });
  return { ...server, port };
}

export async function redisVersion({ executable, env }: Redis): Promise<string> {
  const said = await run(executable, ['--version'], { env, timeoutMs: 10_000 });
  return /v=(\S+)/.exec(said)?.[1] ?? said.trim();
}

// Into a folder beside it and then renamed: one that was broken off must not be taken for whole.
async function unpack(target: string): Promise<void> {
  const unfinished = await mkdtemp(`${target}-`);
  const limits = { cwd: unfinished, timeoutMs: 5 * 60_000 };
  try {
    await run('apt-get', ['download', ...PACKAGES], limits);
    for (const file of readdirSync(unfinished)) await run('dpkg', ['-x', file, 'root'], limits);
    await symlink('redis-check-rdb', join(unfinished, 'root', 'usr', 'bin', 'redis-server'));
    await rename(join(unfinished, 'root'), target);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
