import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache';
import { executableName } from './executables';
import { run } from './processes';

const programs = {
  'dev-server': { file: 'temporal', factory: 'createLocal' },
  'time-skipping': { file: 'temporal-test-server', factory: 'createTimeSkipping' },
};

/** Promises the file of our cache that the Temporal SDK keeps this server's download in, there or not. */
export function sdkDownloadFile(server: keyof typeof programs): string {
  const { version } = require(join(testingFolder(), 'package.json')) as { version: string };
  return join(cacheFolder('bin'), executableName(`${programs[server].file}-sdk-typescript-${version}`));
}

/** Promises that the SDK has downloaded this server, and returns its path; offline it fails within a second. */
export async function sdkDownload(server: keyof typeof programs): Promise<string> {
  const file = sdkDownloadFile(server);
  if (existsSync(file)) return file;
  // The SDK deletes a download older than its ttl, by default one day: nothing to download again each morning.
  const executable = { type: 'cached-download', downloadDir: dirname(file), ttl: '3650 days' };
  const script = `
    const { TestWorkflowEnvironment } = require(process.argv[1]);
    TestWorkflowEnvironment.${programs[server].factory}({ server: { executable: ${JSON.stringify(executable)} } })
      .then((environment) => environment.teardown())
      .then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });`;
  try {
    // In a process of its own: the SDK's native part swallows the first SIGINT and SIGTERM of the process that loads it.
    const limits = { timeoutMs: 10 * 60_000, killSignal: 'SIGKILL' as const };
    await run(process.execPath, ['-e', script, testingFolder()], limits);
  } catch (error) {
    // Its limit of 5 s for the server's start is over soon on a busy machine; the file is what we came for.
    if (!existsSync(file)) throw error;
  }
  return file;
}

function testingFolder(): string {
  const entry = require.resolve('@temporalio/testing');
  return dirname(dirname(entry));
}
