import { createPool } from '../../../src/platform/database/pool';
import { atWork } from '../../harness/child';
import { expireMany, expireOne } from '../../harness/effect';
import { bossOn } from '../boss-on';

const { DATABASE_URL, BENCH_QUEUE, BENCH_BATCH } = process.env;

// A poller fetches one batch each time it looks, so one would land 500 messages each half second; ten fetch 5,000.
const POLLERS = 10;
// Fetching more at a time makes the first of them wait for the last.
const BATCH = 500;

async function main(): Promise<void> {
  // 20 connections, as every contender has.
  const pool = createPool(DATABASE_URL as string, { connections: 20, onError: console.error });
  const boss = bossOn(pool);
  boss.on('error', console.error);
  await boss.start();
  const handle = async (jobs: { data: { id: string } }[]) => {
    const ids = jobs.map(({ data }) => data.id);
    if (BENCH_BATCH) await expireMany(pool, ids);
    else await Promise.all(ids.map((id) => expireOne(pool, id)));
  };
  for (let poller = 0; poller < POLLERS; poller += 1) {
    // Half a second is the shortest that pg-boss allows.
    await boss.work(BENCH_QUEUE as string, { batchSize: BATCH, pollingIntervalSeconds: 0.5 }, handle);
  }
  atWork(async () => {
    await boss.stop({ timeout: 10_000 });
    await pool.end();
  });
}

void main();
