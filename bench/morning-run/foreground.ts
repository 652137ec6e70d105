import { Pool } from 'pg';
import { atWork } from '../harness/child';
import { startLoad } from './foreground-load';

// A program of its own: the job's work must reach the requests through the database alone, not through this process.
const { DATABASE_URL, BENCH_RATE, BENCH_ROWS, BENCH_DUE_ROWS, BENCH_CONNECTIONS } = process.env;

// No time limits: a request that waits half a minute for a lock is what the benchmark wants to see.
const pool = new Pool({
  connectionString: DATABASE_URL,
  max: Number(BENCH_CONNECTIONS),
  application_name: 'foreground',
});
const load = startLoad(pool, { rate: Number(BENCH_RATE), rows: Number(BENCH_ROWS), dueRows: Number(BENCH_DUE_ROWS) });

// Any message asks for the samples so far; the load goes on.
process.on('message', () => {
  void load.taken().then((samples) => process.send?.(samples));
});
atWork(async () => {
  await load.stop();
  await pool.end();
});
