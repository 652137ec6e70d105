import type { Queryable } from '../database';

/** A worker this silent is dead, or so busy that help is welcome; who lands first is the ledger's to say. */
export const WORKER_DEAD_AFTER_MS = 3_000;
/** SQL, about a row of postdate.worker. Seen as far in the future, by a clock that was ahead, it was not seen since. */
export const WORKER_IS_WELL = `seen_at between clock_timestamp() - interval '${WORKER_DEAD_AFTER_MS} ms'
                                         and clock_timestamp() + interval '${WORKER_DEAD_AFTER_MS} ms'`;

/** Who a worker is: whom it lands for, and what it runs. */
export interface Serving {
  lane: string;
  topics: string[];
  build?: string;
}

/** Says that the worker is at work; true if nobody knew: at its first time, or after others had taken it for dead. */
export async function sayAlive(db: Queryable, worker: string, { lane, topics, build }: Serving): Promise<boolean> {
  const { rows } = await db.query<{ inserted: boolean }>(
    `insert into postdate.worker (id, lane, topics, build) values ($1, $2, $3, $4)
     on conflict (id) do update set seen_at = clock_timestamp()
     returning xmax = 0 as inserted`,
    [worker, lane, topics, build ?? null],
  );
  return rows[0]?.inserted ?? false;
}

/** Says that the worker is leaving: what it still holds is the others' from now on. */
export async function sayGone(db: Queryable, worker: string): Promise<void> {
  await db.query(`update postdate.worker set seen_at = '-infinity' where id = $1`, [worker]);
}

/** The other workers that are dead. */
export async function findDead(db: Queryable, worker: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select id from postdate.worker where id <> $1 and not (${WORKER_IS_WELL})`,
    [worker],
  );
  return rows.map(({ id }) => id);
}

/** Forgets dead workers that hold nothing any more. */
export async function forget(db: Queryable, dead: string[]): Promise<void> {
  await db.query(
    `delete from postdate.worker
      where id = any($1) and not exists (select 1 from postdate.held where held.worker = worker.id)`,
    [dead],
  );
}
