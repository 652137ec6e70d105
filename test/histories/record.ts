import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { startPostgres } from '../../local/postgres';
import { findTemporal } from '../../local/temporal-cli';
import { startTemporal } from '../../local/temporal-server';
import { version } from '../../package.json';
import { readConfig } from '../../src/config';
import { startWorker } from '../../src/worker';
import { playHop } from './hop';
import { HOPPED, play, playedNames, sceneTopic } from './scenes';

const log = (line: string) => process.stdout.write(`${line}\n`);

/**
 * Records the history of each scene, by the production worker on the dev server, into a folder of the package's
 * version. A history that is there stays as it is: messages of that release are still asleep somewhere, and it stands
 * for them. After a change of the workflow raise the version first.
 */
async function main(): Promise<void> {
  const target = join(__dirname, version);
  const folder = await mkdtemp(join(tmpdir(), 'postdate-record-'));
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const postgres = await startPostgres({ dataFolder: folder, durable: false, log });
  const executable = await findTemporal({ log });
  const temporal = await startTemporal({ executable, log });
  try {
    const env = { ...process.env, DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address };
    const installation = { topics: [sceneTopic], consumers: [], schemas: [] };
    const worker = await startWorker(readConfig(env), installation, pino({ level: 'error' }));
    const connection = await Connection.connect({ address: temporal.address });
    try {
      await mkdir(target, { recursive: true });
      await Promise.all(
        playedNames.map((name) => record(() => play(new Client({ connection }), name), join(target, `${name}.json`))),
      );
    } finally {
      await connection.close();
      worker.stop();
      await worker.finished;
    }
    await record(playHop, join(target, `${HOPPED}.json`));
  } finally {
    await temporal.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function record(recorded: () => Promise<History>, file: string): Promise<void> {
  const kept = await access(file).then(
    () => true,
    () => false,
  );
  if (kept) {
    log(`kept      ${file}`);
    return;
  }
  // Stack traces name the folder of the machine that recorded them, which says nothing to anybody.
  const json = historyToJSON(await recorded()).replaceAll(join(__dirname, '..', '..'), '');
  await writeFile(file, `${json}\n`);
  log(`recorded  ${file}`);
}

main().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
