import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { executableName, fromEnvironment, isExecutable, onPath } from './executables';
import { run } from './processes';
import { sdkDownload, sdkDownloadFile } from './sdk-download';

// Newer modules of the CLI contain a `replace`, and `go install` refuses those.
const buildVersion = 'v1.5.1';
const buildPackage = `github.com/temporalio/cli/cmd/temporal@${buildVersion}`;

/** Promises a `temporal` executable: the one you have, else one downloaded or built once and kept in our cache. */
export async function findTemporal({ log }: { log: (line: string) => void }): Promise<string> {
  const owned = fromEnvironment('TEMPORAL_CLI_PATH') ?? onPath('temporal');
  if (owned) return owned;
  const built = join(cacheFolder('bin'), executableName(`temporal-${buildVersion}`));
  const cached = [sdkDownloadFile('dev-server'), built].find(isExecutable);
  if (cached) return cached;

  const started = Date.now();
  log('no Temporal CLI here yet: downloading it');
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const progress = setInterval(() => log(`getting the Temporal CLI … ${elapsed()}`), 10_000);
  try {
    return await fetchOrBuild(built, log);
  } finally {
    clearInterval(progress);
  }
}

async function fetchOrBuild(target: string, log: (line: string) => void): Promise<string> {
  const failures: string[] = [];
  try {
    return await sdkDownload('dev-server');
  } catch (error) {
    failures.push(`download: ${(error as Error).message}`);
  }
  const go = onPath('go');
  if (go) {
    log(`the download failed; building the Temporal CLI ${buildVersion} with Go instead (once, up to 5 min)`);
    try {
      return await build(go, target);
    } catch (error) {
      failures.push(`build: ${(error as Error).message}`);
    }
  }
  throw new Error(
    'found no Temporal CLI and could not get one. Install it (https://docs.temporal.io/cli) so that `temporal` is ' +
      'on PATH, or set TEMPORAL_CLI_PATH to it, or set TEMPORAL_ADDRESS to a Temporal server that runs already.\n' +
      failures.join('\n'),
  );
}

async function build(go: string, target: string): Promise<string> {
  // A folder per build, on the file system of the target: two starts at once both end with one rename.
  const folder = await mkdtemp(join(cacheFolder('bin'), '.build-'));
  try {
    // 250 MB of modules over a slow line come on top of five minutes of compiling on two cores.
    await run(go, ['install', buildPackage], { timeoutMs: 20 * 60_000, env: { ...process.env, GOBIN: folder } });
    await rename(join(folder, executableName('temporal')), target);
    return target;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
