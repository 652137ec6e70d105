import { access, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import pino from 'pino';
import { startPostgres } from '../../local/postgres';
import { findTemporal } from '../../local/temporal-cli';
import { startTemporal } from '../../local/temporal-server';
import { version } from '../../package.json';
import { lookAround } from '../../src/delivery/held/look-around';
import { changeLane } from '../../src/delivery/lanes/change-lane';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import { createPool } from '../../src/platform/database/pool';
import { runInBackground } from '../../src/platform/loops/background-loop';
import { readConfig } from '../../src/process/config';
import { startLaneWorker } from '../../src/process/lane-worker';
import { startWorker } from '../../src/worker';
import { eventually } from '../support/eventually';
import { playHop } from './hop';
import { HOPPED, LANES, laneRules, laneTopic, play, playedNames, sceneTopic } from './scenes';

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
    const log = pino({ level: 'error' });
    const worker = await startWorker(readConfig(env), installation, log);
    const onTrial = { ...installation, topics: [laneTopic] };
    const laneWorker = await startLaneWorker(readConfig({ ...env, POSTDATE_LANE: LANES.served }), onTrial, log);
    const lanes = await openLanes(postgres.url);
    const connection = await Connection.connect({ address: temporal.address });
    try {
      await mkdir(target, { recursive: true });
      await Promise.all(
        playedNames.map((name) => record(() => play(new Client({ connection }), name), join(target, `${name}.json`))),
      );
    } finally {
      await connection.close();
      await lanes.close();
      for (const one of [laneWorker, worker]) {
        one.stop();
        await one.finished;
      }
    }
    await record(playHop, join(target, `${HOPPED}.json`));
  } finally {
    await temporal.stop();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Sets the lanes' rules, waits until they are known, and says of a worker that there is not that it lives. */
async function openLanes(url: string): Promise<{ close(): Promise<void> }> {
  const pool = createPool(url, { connections: 2, onError: (error) => log(error.message) });
  const topic = sceneTopic.name;
  for (const [lane, rules] of Object.entries(laneRules)) {
    await changeLane(pool, { topic, lane, what: 'set', author: 'record', reason: 'for the histories' }, { rules });
  }
  const alive = runInBackground(
    () => lookAround(pool, 'nobody at all', { lane: LANES.empty, topics: [topic] }).then(() => 'idle'),
    { pauseMs: 500, onError: (error) => log(String(error)) },
  );
  // Workers read twice a second which lanes there are, and who serves them.
  await eventually(async () => {
    const { servedLanes } = await readRoutingTable(pool, topic);
    if (servedLanes.size < 2) throw new Error('not all lanes are served yet');
  });
  await pause(2_000);
  return {
    async close() {
      await alive.stop();
      await pool.end();
    },
  };
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
