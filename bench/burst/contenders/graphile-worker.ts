import { join } from 'node:path';
import { makeWorkerUtils } from 'graphile-worker';
import type { Attempt, Contender, Started } from '../contender';

async function start({ bench, run }: Attempt): Promise<Started> {
  const { pool, url, pid } = bench.database;
  const producer = await makeWorkerUtils({ pgPool: pool });
  await producer.migrate();
  const task = `bench.${run}`;
  const worker = await bench.start(run, {
    file: join(__dirname, '..', 'workers', 'graphile-worker.ts'),
    env: { DATABASE_URL: url, BENCH_TASK: task },
  });
  return {
    parts: { worker: worker.pid, database: pid },
    post: ({ id, dueAt }) => producer.addJob(task, { id }, { runAt: new Date(dueAt) }),
    async left() {
      const { rows } = await pool.query<{ count: number }>(
        'select count(*)::int as count from graphile_worker.jobs where task_identifier = $1',
        [task],
      );
      return rows[0]?.count ?? 0;
    },
    async stop() {
      await worker.stop();
      await producer.release();
    },
  };
}

export const graphileWorker: Contender = {
  name: 'graphile-worker',
  title: 'graphile-worker',
  size: 'full',
  postsPerSecond: 250,
  packages: ['graphile-worker'],
  start,
};
