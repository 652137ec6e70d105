import { join } from 'node:path';
import { bossOn } from '../boss-on';
import type { Attempt, Contender, Started } from '../contender';

async function start({ bench, run }: Attempt, batch: boolean): Promise<Started> {
  const { pool, url, pid } = bench.database;
  // The producer's side: only the worker looks after the queues.
  const boss = bossOn(pool, { supervise: false });
  boss.on('error', (error) => bench.log(`pg-boss: ${error.message}`));
  await boss.start();
  const queue = `bench.${run}`;
  // `standard` is the default: no limit of jobs of one key, which would cost an index.
  await boss.createQueue(queue, { name: queue, policy: 'standard' });
  const worker = await bench.start(run, {
    file: join(__dirname, '..', 'workers', 'pg-boss.ts'),
    env: { DATABASE_URL: url, BENCH_QUEUE: queue, BENCH_BATCH: batch ? '1' : '' },
  });
  return {
    parts: { worker: worker.pid, database: pid },
    post: ({ id, dueAt }) => boss.send(queue, { id }, { startAfter: new Date(dueAt) }),
    left: () => boss.getQueueSize(queue, { before: 'completed' }),
    async stop() {
      await worker.stop();
      await boss.stop({ graceful: false });
    },
  };
}

const shared = { size: 'full', postsPerSecond: 250, packages: ['pg-boss'] } satisfies Partial<Contender>;

/** Each job of a batch has its effect in a transaction of its own. */
export const pgBoss: Contender = {
  ...shared,
  name: 'pg-boss',
  title: 'pg-boss',
  start: (attempt) => start(attempt, false),
};

/** A batch has its effects in one statement: as set-based as Postdate's landing, but one poison job fails the batch. */
export const pgBossBatch: Contender = {
  ...shared,
  name: 'pg-boss-batch',
  title: 'pg-boss, set-based batches',
  start: (attempt) => start(attempt, true),
};
