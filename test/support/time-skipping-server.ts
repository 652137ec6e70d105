import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../local/cache';
import { fromEnvironment, isExecutable, onPath } from '../../local/executables';
import { run } from '../../local/processes';
import { sdkDownload, sdkDownloadFile } from '../../local/sdk-download';

const version = '1.38.0';

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>postdate</groupId><artifactId>time-skipping-server</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>${version}</version>
  </dependency></dependencies>
</project>
`;

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

async function assemble(folder: string): Promise<void> {
  const maven = onPath('mvn');
  if (!maven || !onPath('java')) throw new Error('`java` and `mvn` are needed, and not both are on PATH');
  // Jest's workers may all want it at once: each fetches for itself, and the rename makes one of them the cache.
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    await mkdir(join(unfinished, 'lib'));
    await writeFile(join(unfinished, 'pom.xml'), pom);
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(unfinished, 'lib')}`];
    await run(maven, ['-B', '-q', '-f', join(unfinished, 'pom.xml'), ...goal], { timeoutMs: 10 * 60_000 });
    await writeFile(join(unfinished, 'temporal-test-server'), wrapper);
    await chmod(join(unfinished, 'temporal-test-server'), 0o755);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was first; its folder is complete, because it was renamed too.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
