import { resolve } from 'node:path';
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
  log('Ctrl-C stops what was started here; messages keep waiting.');
  await told;
  log('stopping');
  await stack.stop();
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
