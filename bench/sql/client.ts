import { createPool, inTransaction } from '../../src/platform/database/pool';
import { type Call, serveFleet } from '../harness/fleet-client';
import { FORMS, TENANT } from './forms';

const { DATABASE_URL = '', BENCH_TOPIC, BENCH_CONNECTIONS, BENCH_PER_TRANSACTION } = process.env;
const perTransaction = Number(BENCH_PER_TRANSACTION);
const pool = createPool(DATABASE_URL, {
  connections: Number(BENCH_CONNECTIONS),
  onError: (error) => process.stderr.write(`${error.message}\n`),
});

// As a producer in any language would write it: prepared statements, two for each message. Nothing is due within a
// year.
const ROW = {
  name: 'row',
  text: `insert into app.request (id, run, due_at) values ($1, $2, now() + interval '1 year')`,
};
const SCHEDULE = {
  name: 'schedule',
  text: `select postdate.schedule($1, '${TENANT}', $2, now() + interval '1 year', '{}')`,
};

const transactionOf =
  (messages: number, isScheduled: boolean): Call =>
  (index, { round }) =>
    inTransaction(pool, async (tx) => {
      for (let place = 0; place < messages; place += 1) {
        const id = `${round}.${index}.${place}`;
        await tx.query({ ...ROW, values: [id, round] });
        if (isScheduled) await tx.query({ ...SCHEDULE, values: [BENCH_TOPIC, id] });
      }
    });

serveFleet(
  {
    [FORMS.row]: transactionOf(1, false),
    [FORMS.one]: transactionOf(1, true),
    [FORMS.many]: transactionOf(perTransaction, true),
  },
  () => pool.end(),
);
