import { Logger, run } from 'graphile-worker';
import { createPool } from '../../../src/platform/database/pool';
import { atWork } from '../../harness/child';
import { expireOne } from '../../harness/effect';

const { DATABASE_URL, BENCH_TASK } = process.env;

async function main(): Promise<void> {
  // 20 connections, as every contender has.
  const pool = createPool(DATABASE_URL as string, { connections: 20, onError: console.error });
  const runner = await run({
    pgPool: pool,
    // One job at a time for each connection; more would only wait for one.
    concurrency: 20,
    // A job that becomes due makes no noise: it is found by looking, every half second as with pg-boss.
    pollInterval: 500,
    noHandleSignals: true,
    crontab: '',
    // A line for each job would be measured as well.
    logger: new Logger(() => (level, message) => void (level === 'error' && console.error(message))),
    taskList: { [BENCH_TASK as string]: (payload) => expireOne(pool, (payload as { id: string }).id) },
  });
  atWork(async () => {
    await runner.stop();
    await pool.end();
  });
}

void main();
