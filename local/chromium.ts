import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { fetchDebianPackages } from './debian-package';
import { fromEnvironment, onPath } from './executables';
import { run } from './processes';
import { withProgress } from './progress';
import { withStartLock } from './start-lock';

export interface Chromium {
  executable: string;
  /** What its processes need beside the environment: where the libraries and fonts are that the machine lacks. */
  env: Record<string, string>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const PROGRAM = join('usr', 'lib', 'chromium', 'chromium');
const TRIPLETS: Partial<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
// 125 MB over a slow line, and their unpacking beside other tests.
const FETCH_TIMEOUT_MS = 10 * 60_000;

/** Promises a Chromium that starts here, yours or Debian's, fetched once into our cache; nothing if there is none. */
export async function findChromium({ log }: { log: (line: string) => void }): Promise<Chromium | undefined> {
  const named = fromEnvironment('CHROMIUM_PATH');
  if (named) return { executable: named, env: {} };
  for (const executable of NAMES.flatMap((name) => onPath(name) ?? [])) {
    // Ubuntu's is a script that only says how to install it.
    if (await starts({ executable, env: {} })) return { executable, env: {} };
  }
  try {
    return await fetched(log);
  } catch (error) {
    log(`no Chromium: ${(error as Error).message}`);
    return undefined;
  }
}

async function fetched(log: (line: string) => void): Promise<Chromium> {
  const triplet = TRIPLETS[process.arch];
  if (process.platform !== 'linux' || !triplet) throw new Error(`none for ${process.platform} ${process.arch}`);
  const folder = join(cacheFolder(), 'chromium');
  // A second process waits, and then finds it there.
  return withStartLock(`${folder}.starting`, FETCH_TIMEOUT_MS, async () => {
    if (existsSync(join(folder, PROGRAM))) {
      const kept = await unpacked(folder, triplet);
      if (await starts(kept)) return kept;
      log('the Chromium in the cache does not start any more: fetching another');
    }
    // Inter is what Temporal's Web UI asks for.
    const wanted = { packages: ['chromium', 'fonts-inter'], file: PROGRAM, withLacking: true };
    await withProgress("getting Debian's Chromium", log, () => fetchDebianPackages(folder, wanted));
    await useFonts(folder);
    const chromium = await unpacked(folder, triplet);
    await version(chromium);
    return chromium;
  });
}

async function unpacked(folder: string, triplet: string): Promise<Chromium> {
  const libraries = join(folder, 'usr', 'lib', triplet);
  // Some keep libraries of their own in a folder below, and look for them where they would have been installed.
  const entries = existsSync(libraries) ? await readdir(libraries, { withFileTypes: true }) : [];
  const below = entries.filter((entry) => entry.isDirectory());
  const places = [libraries, join(folder, 'lib', triplet), ...below.map(({ name }) => join(libraries, name))];
  return {
    executable: join(folder, PROGRAM),
    env: { LD_LIBRARY_PATH: places.join(':'), FONTCONFIG_FILE: join(folder, 'fonts.conf') },
  };
}

/** A machine without fonts has no configuration of them either, and then all text is in whichever comes first. */
async function useFonts(folder: string): Promise<void> {
  const cache = join(folder, 'font-cache');
  await mkdir(cache, { recursive: true });
  const places = ['/usr/share/fonts', join(folder, 'usr', 'share', 'fonts')];
  const lines = [
    '<?xml version="1.0"?>',
    '<fontconfig>',
    ...places.map((place) => `  <dir>${place}</dir>`),
    `  <cachedir>${cache}</cachedir>`,
    '  <alias><family>sans-serif</family><prefer><family>Inter</family></prefer></alias>',
    '</fontconfig>',
  ];
  await writeFile(join(folder, 'fonts.conf'), `${lines.join('\n')}\n`);
}

/** Promises what it says of itself; where a library is missing, the error that names it. */
const version = ({ executable, env }: Chromium): Promise<string> =>
  run(executable, ['--version'], { timeoutMs: 60_000, env: { ...process.env, ...env } });

const starts = (chromium: Chromium): Promise<boolean> =>
  version(chromium).then(
    (said) => /\d+\.\d+/.test(said),
    // Chromium does not start here, for any reason.
    () => false,
  );
