import { join } from 'node:path';
import { cacheFolder } from './cache';
import { executableName, fromEnvironment, isExecutable, onPath } from './executables';
import { goInstall } from './go-install';
import { withProgress } from './progress';
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

  log('no Temporal CLI here yet: downloading it');
  return withProgress('getting the Temporal CLI', log, () => fetchOrBuild(built, log));
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
      await goInstall(go, buildPackage, target);
      return target;
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
