import { existsSync } from 'node:fs';
import { chmod, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { fetchDebianPackages } from './debian-package';
import { mayUse, reachableFolder, serverAccount } from './postgres-account';

/** The clock of the processes that are started with `env`: the right one until it is shifted. */
export interface FakeClock {
  env: Record<string, string>;
  /** So far from the right time it is from now on; 0 is right again. */
  shift(seconds: number): Promise<void>;
}

const LIBRARY = 'libfaketime.so.1';
const TRIPLETS: Partial<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** Promises a libfaketime that PostgreSQL can load, yours or one fetched once into our cache; nothing if there is none. */
export async function findFaketime({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  const named = process.env.FAKETIME_LIBRARY_PATH;
  if (named) {
    if (isReadable(named)) return named;
    throw new Error(`FAKETIME_LIBRARY_PATH is ${named}, which PostgreSQL cannot read. Correct it, or unset it.`);
  }
  const triplet = TRIPLETS[process.arch];
  if (process.platform !== 'linux' || !triplet) {
    log(`no libfaketime for ${process.platform} ${process.arch}`);
    return undefined;
  }
  const folder = reachableFolder(join(cacheFolder(), 'libfaketime'));
  const ofPackage = join('usr', 'lib', triplet, 'faketime', LIBRARY);
  const fetched = join(folder, ofPackage);
  const known = [join('/', ofPackage), join('/usr/lib/faketime', LIBRARY), fetched].find(isReadable);
  if (known) return known;
  try {
    await fetchDebianPackages(folder, { packages: ['libfaketime'], file: ofPackage });
    return fetched;
  } catch (error) {
    log(`no libfaketime: ${(error as Error).message}`);
    return undefined;
  }
}

/** Promises the clock that this file holds, which any account can read if it can enter the folder. */
export async function createFakeClock(library: string, file: string): Promise<FakeClock> {
  const shift = async (seconds: number) => {
    // Renamed into place, as a process that found no file, or an empty one, would have the right time for a moment.
    await writeFile(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    await chmod(`${file}.new`, 0o644);
    await rename(`${file}.new`, file);
  };
  await shift(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      // Read at each look at the clock, so that a shift is seen by all processes at once.
      FAKETIME_NO_CACHE: '1',
      // Clocks for durations are not shifted, just as setting a real clock does not shift them. Two releases of
      // libfaketime have two names for it.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    shift,
  };
}

function isReadable(path: string): boolean {
  const account = serverAccount();
  return existsSync(path) && (!account || mayUse(account, path, 'r'));
}
