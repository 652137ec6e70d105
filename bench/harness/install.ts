import { statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../local/cache';
import { run } from '../../local/processes';
import { withStartLock } from '../../local/start-lock';

const FOLDER = join(__dirname, '..');

// About 90 packages; the limit is for a slow line.
const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** Promises that the rivals of bench/package-lock.json are installed, in bench/node_modules. */
export async function ensureInstalled(log: (line: string) => void): Promise<void> {
  if (isInstalled()) return;
  // Two at once would each remove what the other has just written.
  await withStartLock(join(cacheFolder(), 'bench-install.lock'), INSTALL_TIMEOUT_MS, async () => {
    if (isInstalled()) return;
    log('installing the rivals (npm ci in bench/)');
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    await run(npm, ['ci'], { cwd: FOLDER, timeoutMs: INSTALL_TIMEOUT_MS });
  });
}

// npm writes the one in node_modules last, so an installation that was broken off counts as none.
const isInstalled = () =>
  changedAtMs(join(FOLDER, 'node_modules', '.package-lock.json')) >= changedAtMs(join(FOLDER, 'package-lock.json'));

function changedAtMs(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
