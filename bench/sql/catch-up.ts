import { setTimeout as pause } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { BenchContext } from '../harness/context';
import type { Program } from '../harness/process';
import { type Cores, meterCores } from '../harness/shares';

/** How fast a worker takes to Temporal what has been committed meanwhile. */
export interface CatchUp {
  perSecondSet: number;
  commands: number;
  perSecond: number;
  /** From the first that was dispatched to the last. */
  seconds: number;
  scheduled: number;
  cores: Cores;
}

/** Commits so many commands while no worker runs, has `startWorker` start one, and waits until none waits any more. */
export async function measureCatchUp(
  { cluster, database }: BenchContext,
  { topic, backlog, perSecond }: { topic: string; backlog: number; perSecond: number },
  startWorker: () => Promise<Program>,
): Promise<CatchUp> {
  const { pool } = database;
  const { rows } = await pool.query<{ last: string }>('select coalesce(max(seq), 0) as last from postdate.command');
  const after = rows[0]?.last;
  await pool.query(
    `select postdate.schedule($1, 'catch-up', $2 || '.' || n, now() + interval '1 year', '{}')
       from generate_series(1, $3) as n`,
    [topic, `${perSecond}.${after}`, backlog],
  );
  const worker = await startWorker();
  const cores = meterCores({
    Temporal: [cluster.pid],
    PostgreSQL: [cluster.postgresPid],
    worker: [worker.pid],
  });
  let read = cores.read();
  for (;;) {
    const waiting = await count(pool, 'dispatched_at is null', after);
    read = cores.read();
    if (waiting === 0) break;
    await pause(200);
  }
  await worker.stop();
  const { rows: taken } = await pool.query<{ seconds: number }>(
    `select extract(epoch from max(dispatched_at) - min(dispatched_at))::float8 as seconds
       from postdate.command where seq > $1`,
    [after],
  );
  const seconds = taken[0]?.seconds ?? Number.NaN;
  return {
    perSecondSet: perSecond,
    commands: backlog,
    // Between the first and the last there is one interval less than commands.
    perSecond: Math.round(((backlog - 1) / seconds) * 10) / 10,
    seconds: Math.round(seconds * 10) / 10,
    scheduled: await count(pool, `answer->>'result' = 'scheduled'`, after),
    cores: Object.fromEntries(Object.entries(read.cores).map(([part, busy]) => [part, Number(busy.toFixed(2))])),
  };
}

async function count(pool: Pool, what: string, after: string | undefined): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from postdate.command where seq > $1 and ${what}`,
    [after],
  );
  return rows[0]?.n ?? 0;
}
