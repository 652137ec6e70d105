import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onPath } from './executables';
import { run } from './processes';

// Some 50 MB over a slow line, and Maven's own plugins when it is run for the first time.
const TIMEOUT_MS = 10 * 60_000;

export interface Artifact {
  group: string;
  name: string;
  version: string;
}

/**
 * Promises a folder with the artifacts, and all they depend on, in `lib`; `complete` may add to it before it is in its place.
 * Throws when they cannot be had; what another start has fetched in the meantime is as good.
 */
export async function fetchJars(
  folder: string,
  artifacts: Artifact[],
  complete: (unfinished: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const maven = onPath('mvn');
  if (!maven || !onPath('java')) throw new Error('`java` and `mvn` are needed, and not both are on PATH');
  // Starts may all want it at once: each fetches for itself, and the rename makes one of them the cache.
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    await writeFile(join(unfinished, 'pom.xml'), pomOf(artifacts));
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(unfinished, 'lib')}`];
    await run(maven, ['-B', '-q', '-f', join(unfinished, 'pom.xml'), ...goal], { timeoutMs: TIMEOUT_MS });
    await complete(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was first; its folder is complete, because it was renamed too.
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

const pomOf = (artifacts: Artifact[]) => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>postdate</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>
${artifacts.map(({ group, name, version }) => `    <dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`).join('\n')}
  </dependencies>
</project>
`;
