import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache';
import { fetchDebianPackages } from './debian-package';
import { onPath } from './executables';
import { run } from './processes';

const FILE = join('usr', 'bin', 'promtool');
const ROOT = join(__dirname, '..');

/** Prometheus's own checker of rules: yours, or one fetched once into our cache; nothing if there is none. */
export async function findPromtool({ log }: { log: (line: string) => void }): Promise<string | undefined> {
  const installed = onPath('promtool');
  if (installed) return installed;
  const folder = join(cacheFolder(), 'prometheus');
  const fetched = join(folder, FILE);
  if (existsSync(fetched)) return fetched;
  try {
    await fetchDebianPackages(folder, { packages: ['prometheus'], file: FILE });
    return fetched;
  } catch (error) {
    log(`no promtool: ${(error as Error).message}`);
    return undefined;
  }
}

/** Checks the configuration and the alert rules, and runs the alerts' tests; throws what promtool says against them. */
export async function checkRules(promtool: string): Promise<void> {
  const check = (...args: string[]) => run(promtool, args, { cwd: ROOT, timeoutMs: 60_000 });
  // Without looking at the paths in it, which are those of a container.
  await check('check', 'config', '--syntax-only', 'monitoring/prometheus.yml');
  await check('check', 'rules', 'monitoring/rules/postdate.yml');
  await check('test', 'rules', 'monitoring/rule-tests/postdate.yml');
}

async function main(): Promise<void> {
  const log = (line: string) => process.stdout.write(`${line}\n`);
  const promtool = await findPromtool({ log });
  if (!promtool) return;
  await checkRules(promtool);
  log('the alert rules are sound, and each fires when it should');
}

if (require.main === module) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
