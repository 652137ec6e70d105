import { join } from 'node:path';
import { bossOn } from '../burst/boss-on';
import type { BenchContext } from '../harness/context';
import { drained } from '../harness/drained';
import { countEvents, soonFor } from './batch-forms';
import type { Form, WindowSize } from './form';
import { PLACES } from './places';
import { requestId } from './request-rows';

const QUEUE = 'morning-run';
const STANDSTILL_MS = 60_000;

/** pg-boss in the application's database, with the burst benchmark's worker: ten pollers, an effect per job. */
export const bossForm = ({ bench, ...size }: { bench: BenchContext; name: string } & WindowSize): Form => ({
  ...size,
  async start() {
    const { pool, url } = bench.database;
    const boss = bossOn(pool, { supervise: false });
    boss.on('error', (error) => bench.log(`pg-boss: ${error.message}`));
    await boss.start();
    await boss.createQueue(QUEUE, { name: QUEUE, policy: 'standard' });
    const worker = await bench.start('pg-boss', {
      file: join(__dirname, '..', 'burst', 'workers', 'pg-boss.ts'),
      env: { DATABASE_URL: url, BENCH_QUEUE: QUEUE, BENCH_BATCH: '' },
      cpus: PLACES?.scheduler,
    });
    return {
      async dueAt() {
        // A millisecond for each, to insert them.
        const dueAt = (await soonFor(size)) + size.dueRows;
        const jobs = Array.from({ length: size.dueRows }, (_, index) => ({
          name: QUEUE,
          data: { id: requestId(index + 1) },
          startAfter: new Date(dueAt),
        }));
        // One statement for all: how they got there is not what is measured here.
        await boss.insert(jobs);
        return dueAt;
      },
      done: () => drained(() => boss.getQueueSize(QUEUE, { before: 'completed' }), STANDSTILL_MS),
      events: () => countEvents(pool),
      async stop() {
        await worker.stop();
        await boss.stop({ graceful: false });
      },
    };
  },
});
