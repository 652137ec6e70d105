import { mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { executableName } from './executables';
import { run } from './processes';

// 250 MB of modules over a slow line come on top of seven minutes of compiling on two cores.
export const GO_INSTALL_TIMEOUT_MS = 20 * 60_000;

/** Promises the program of this `package@version` at the target, whole or not at all. */
export async function goInstall(go: string, packageVersion: string, target: string): Promise<void> {
  // A folder per build, on the file system of the target: two starts at once both end with one rename.
  const folder = await mkdtemp(join(dirname(target), '.build-'));
  try {
    await run(go, ['install', packageVersion], {
      timeoutMs: GO_INSTALL_TIMEOUT_MS,
      env: { ...process.env, GOBIN: folder },
    });
    const [path = ''] = packageVersion.split('@');
    await rename(join(folder, executableName(basename(path))), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
