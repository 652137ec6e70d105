import { join } from 'node:path';
import type { Attempt, Contender, Started } from '../contender';

/** The limit: one statement at the due instant for all rows, which stay locked until its end. Nothing is posted. */
async function start({ bench, run }: Attempt): Promise<Started> {
  const worker = await bench.start(run, {
    file: join(__dirname, '..', 'workers', 'batch-update.ts'),
    env: { DATABASE_URL: bench.database.url, BENCH_RUN: run },
  });
  return {
    parts: { worker: worker.pid, database: bench.database.pid },
    arm: async (dueAt) => worker.send({ dueAt }),
    // It keeps nothing: what is there to do is in the table.
    left: async () => 0,
    stop: worker.stop,
  };
}

export const batchUpdate: Contender = {
  name: 'batch-update',
  title: 'one batch UPDATE (the limit)',
  size: 'full',
  postsPerSecond: Number.POSITIVE_INFINITY,
  packages: ['pg'],
  start,
};
