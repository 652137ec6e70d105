import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../local/cache';
import { fromEnvironment, isExecutable } from '../../local/executables';
import { fetchJars } from '../../local/maven-jars';
import { sdkDownload, sdkDownloadFile } from '../../local/sdk-download';

const version = '1.38.0';

// exec: the SDK ends the process it started, and that has to be Java itself and no shell around it.
const wrapper = `#!/bin/sh
DIR=$(cd "$(dirname "$0")" && pwd)
exec java -XX:TieredStopAtLevel=1 -cp "$DIR/lib/*" io.temporal.testserver.TestServer "$@"
`;

/** Promises the path of an executable of Temporal's time-skipping test server, fetched once and kept in our cache. */
export async function timeSkippingServer(): Promise<string> {
  const owned = fromEnvironment('TEMPORAL_TEST_SERVER_PATH');
  if (owned) return owned;
  const folder = join(cacheFolder('bin'), `temporal-test-server-${version}`);
  const fromMaven = join(folder, 'temporal-test-server');
  const cached = [sdkDownloadFile('time-skipping'), fromMaven].find(isExecutable);
  if (cached) return cached;

  const failures: string[] = [];
  try {
    return await sdkDownload('time-skipping');
  } catch (error) {
    failures.push(`download: ${(error as Error).message}`);
  }
  try {
    await assemble(folder);
    return fromMaven;
  } catch (error) {
    failures.push(`Maven: ${(error as Error).message}`);
  }
  throw new Error(
    'found no time-skipping test server and could not get one. Allow the download, or install Java and Maven, or set ' +
      `TEMPORAL_TEST_SERVER_PATH to an executable that takes a port as its argument.\n${failures.join('\n')}`,
  );
}

const assemble = (folder: string) =>
  fetchJars(folder, [{ group: 'io.temporal', name: 'temporal-test-server', version }], async (unfinished) => {
    await writeFile(join(unfinished, 'temporal-test-server'), wrapper);
    await chmod(join(unfinished, 'temporal-test-server'), 0o755);
  });
