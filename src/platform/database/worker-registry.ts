import type { Queryable } from './pool';

/** A worker silent for this long counts as dead. If it is only busy, two workers may land a message; the ledger lets one win. */
export const WORKER_DEAD_AFTER_MS = 3_000;
/** SQL about a row of postdate.worker. A heartbeat in the far future was written by a clock that was ahead, and counts as none. */
export const WORKER_IS_WELL = `seen_at between clock_timestamp() - interval '${WORKER_DEAD_AFTER_MS} ms'
                                         and clock_timestamp() + interval '${WORKER_DEAD_AFTER_MS} ms'`;

/** What a worker serves: its lane and topics, and the build that it runs. */
export interface Serving {
  lane: string;
  topics: string[];
  build?: string;
}

/** Records that the worker is alive. True if it was not registered: at its first heartbeat, or after others took it for dead. */
export async function recordHeartbeat(
  db: Queryable,
  worker: string,
  { lane, topics, build }: Serving,
): Promise<boolean> {
  const { rows } = await db.query<{ inserted: boolean }>(
    `insert into postdate.worker (id, lane, topics, build) values ($1, $2, $3, $4)
     on conflict (id) do update set seen_at = clock_timestamp()
     returning xmax = 0 as inserted`,
    [worker, lane, topics, build ?? null],
  );
  return rows[0]?.inserted ?? false;
}

/** Records that the worker stops. From now on other workers may take over what it holds. */
export async function deregister(db: Queryable, worker: string): Promise<void> {
  await db.query(`update postdate.worker set seen_at = '-infinity' where id = $1`, [worker]);
}

/** The ids of the other workers that are dead. */
export async function findDeadWorkers(db: Queryable, worker: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `select id from postdate.worker where id <> $1 and not (${WORKER_IS_WELL})`,
    [worker],
  );
  return rows.map(({ id }) => id);
}

/** Removes those of these dead workers that hold nothing any more. */
export async function removeDeadWorkers(db: Queryable, dead: string[]): Promise<void> {
  await db.query(
    `delete from postdate.worker
      where id = any($1) and not exists (select 1 from postdate.held where held.worker = worker.id)`,
    [dead],
  );
}
