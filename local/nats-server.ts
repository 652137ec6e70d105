import { join } from 'node:path';
import { cacheFolder } from './cache';
import { fetchDebianPackages } from './debian-package';
import { executableName, fromEnvironment, isExecutable, onPath } from './executables';

/** Promises a nats-server: yours, or Debian's, fetched once into our cache; nothing if there is none. */
export async function findNatsServer({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  const known = fromEnvironment('NATS_SERVER_PATH') ?? onPath('nats-server');
  if (known) return known;
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
