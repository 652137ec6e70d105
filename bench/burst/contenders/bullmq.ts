import { join } from 'node:path';
import { Queue } from 'bullmq';
import type { Attempt, Contender, Started } from '../contender';
import { findRedis, startRedis } from '../redis';

async function start({ bench, run }: Attempt): Promise<Started> {
  const redis = await startRedis(await findRedis(bench.log), join(bench.folder, `redis-${run}`));
  bench.onStop(redis.stop);
  const name = `bench.${run}`;
  const queue = new Queue(name, { connection: { host: '127.0.0.1', port: redis.port } });
  queue.on('error', (error) => bench.log(`bullmq: ${error.message}`));
  const worker = await bench.start(run, {
    file: join(__dirname, '..', 'workers', 'bullmq.ts'),
    env: { DATABASE_URL: bench.database.url, BENCH_QUEUE: name, BENCH_REDIS_PORT: String(redis.port) },
  });
  return {
    parts: { server: redis.pid, worker: worker.pid, database: bench.database.pid },
    post({ id, dueAt }) {
      const timestamp = Date.now();
      // Kept, every job that has run would grow Redis; three attempts are what the others have by default.
      return queue.add('expire', { id }, { timestamp, delay: dueAt - timestamp, removeOnComplete: true, attempts: 3 });
    },
    left: async () => {
      const { delayed = 0, waiting = 0, active = 0 } = await queue.getJobCounts('delayed', 'waiting', 'active');
      return delayed + waiting + active;
    },
    async stop() {
      await worker.stop();
      await queue.close();
      await redis.stop();
    },
  };
}

export const bullmq: Contender = {
  name: 'bullmq',
  title: 'BullMQ (Redis)',
  size: 'full',
  postsPerSecond: 250,
  packages: ['bullmq', 'ioredis'],
  missing: (log) =>
    findRedis(log).then(
      () => undefined,
      (error: Error) => `no redis-server on PATH, and Debian's could not be had: ${error.message}`,
    ),
  start,
};
