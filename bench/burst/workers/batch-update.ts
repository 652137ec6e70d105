import { setTimeout as pause } from 'node:timers/promises';
import { createPool } from '../../../src/platform/database/pool';
import { atWork } from '../../harness/child';

const { DATABASE_URL, BENCH_RUN } = process.env;

async function main(): Promise<void> {
  const pool = createPool(DATABASE_URL as string, { connections: 1, onError: console.error });
  // The connection is there before it is needed, as in the pools of the others.
  await pool.query('select 1');
  process.on('message', ({ dueAt }: { dueAt: number }) => {
    update(dueAt).catch((error: Error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    });
  });

  async function update(dueAt: number): Promise<void> {
    // A timer may ring a millisecond early.
    while (Date.now() < dueAt) await pause(dueAt - Date.now());
    await pool.query(
      `with hit as (
         update app.request set status = 'EXPIRED'
          where run = $1 and status = 'PENDING' and due_at <= clock_timestamp()
         returning id
       )
       insert into app.event (request_id, type) select id, 'request.expired' from hit`,
      [BENCH_RUN],
    );
  }

  atWork(() => pool.end());
}

void main();
