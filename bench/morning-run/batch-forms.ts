import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { BenchContext } from '../harness/context';
import type { Form, WindowSize } from './form';
import { PLACES } from './places';

/** The next instant that leaves time to restore the table. */
export const soonFor = async ({ restoreMs }: Pick<Form, 'restoreMs'>): Promise<number> => Date.now() + restoreMs + 500;

export const countEvents = async (pool: Pool): Promise<number> => {
  const { rows } = await pool.query<{ count: number }>('select count(*)::int as count from app.event');
  return rows[0]?.count ?? 0;
};

/** The nightly job, as a program beside the database as most are. */
export const batchForm = (
  { bench, name, ...size }: { bench: BenchContext; name: string } & WindowSize,
  form: 'rows' | 'set',
): Form => ({
  name,
  ...size,
  async start() {
    const job = await bench.start(`batch-${form}`, {
      file: join(__dirname, 'batch-job.ts'),
      env: { DATABASE_URL: bench.database.url, BENCH_FORM: form },
      cpus: PLACES?.scheduler,
    });
    return {
      dueAt: () => soonFor(size),
      arm: async (_, dueAt) => job.send({ dueAt }),
      done: () => job.received(),
      events: () => countEvents(bench.database.pool),
      stop: job.stop,
    };
  },
});

// Longer than every other form's window except the row-by-row job's, for which a coarse comparison is enough.
const IDLE_MS = 8_000;

/** Nothing but the foreground. Its windows are long; the comparison cuts them to the length of the other's. */
export const idleForm = ({ bench, ...size }: { bench: BenchContext; name: string } & WindowSize): Form => ({
  ...size,
  start: async () => ({
    dueAt: () => soonFor(size),
    done: (_, dueAt) => pause(dueAt + IDLE_MS - Date.now()),
    events: () => countEvents(bench.database.pool),
    fixedLengthMs: IDLE_MS,
    stop: async () => undefined,
  }),
});
