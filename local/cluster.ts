import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from './processes';
import { toldToStop } from './stack';
import { startCluster } from './temporal-cluster';

const log = (line: string) => process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  let told = false;
  const stopped = toldToStop().then(() => {
    told = true;
  });
  const cluster = await startCluster({
    // Kept between starts, so that messages go on waiting while nothing runs.
    dataFolder: resolve(process.env.POSTDATE_CLUSTER_FOLDER || '.postdate/cluster'),
    log,
  });
  log('');
  log(`TEMPORAL_ADDRESS=${cluster.address}`);
  log(`its PostgreSQL: ${cluster.databaseUrl}`);
  log(`metrics: ${cluster.metricsUrl}`);
  log('Ctrl-C stops what was started here; messages keep waiting.');
  // Nothing but this loop keeps our process alive: the servers are in sessions of their own.
  while (!told && (await isRunning(cluster.pid))) await Promise.race([stopped, pause(1_000)]);
  log(told ? 'stopping' : `temporal-server has ended by itself, see ${cluster.logFile}; stopping`);
  await cluster.stop();
  return told ? 0 : 1;
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
