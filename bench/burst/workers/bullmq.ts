import { Worker } from 'bullmq';
import { createPool } from '../../../src/platform/database/pool';
import { atWork } from '../../harness/child';
import { expireOne } from '../../harness/effect';

const { DATABASE_URL, BENCH_QUEUE, BENCH_REDIS_PORT } = process.env;

async function main(): Promise<void> {
  // 20 connections, as every contender has.
  const pool = createPool(DATABASE_URL as string, { connections: 20, onError: console.error });
  const worker = new Worker(BENCH_QUEUE as string, (job) => expireOne(pool, job.data.id), {
    connection: { host: '127.0.0.1', port: Number(BENCH_REDIS_PORT), maxRetriesPerRequest: null },
    // More than connections: while some jobs are in the database, others are fetched and finished in Redis.
    concurrency: 50,
  });
  worker.on('error', console.error);
  await worker.waitUntilReady();
  atWork(async () => {
    await worker.close();
    await pool.end();
  });
}

void main();
