import { rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startStack, toldToStop } from './stack';

const log = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const told = toldToStop();
  const stack = await startStack({
    // Kept between starts, so that messages go on waiting while nothing runs.
    dataFolder: resolve(process.env.POSTDATE_DATA_FOLDER || '.postdate'),
    env: process.env,
    watch: process.argv.includes('--watch'),
    log,
  });
  log('');
  log(`DATABASE_URL=${stack.env.DATABASE_URL}`);
  log(`TEMPORAL_ADDRESS=${stack.env.TEMPORAL_ADDRESS}`);
  if (stack.waitingUrl) log(`waiting messages: ${stack.waitingUrl}`);
  const envFile = join(stack.dataFolder, 'env');
  // It may have the database's password in it: for this user alone.
  await writeFile(envFile, exportsOf(stack.env), { mode: 0o600 });
  log(`for another shell: . ${envFile}`);
  log('Ctrl-C stops what was started here; messages keep waiting.');
  await told;
  log('stopping');
  await rm(envFile, { force: true });
  await stack.stop();
}

/** What a shell sets by reading it. */
function exportsOf(env: NodeJS.ProcessEnv): string {
  const names = ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE', 'POSTDATE_WEBHOOKS_PRIVATE_ADDRESSES'];
  const quoted = (value: string) => `'${value.replaceAll("'", "'\\''")}'`;
  return names.flatMap((name) => (env[name] ? `export ${name}=${quoted(env[name])}\n` : [])).join('');
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
