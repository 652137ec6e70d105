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

/** Records that the worker stops. From now on other workers may take over what it holds. */
export async function deregister(db: Queryable, worker: string): Promise<void> {
  await db.query(`update postdate.worker set seen_at = '-infinity' where id = $1`, [worker]);
}

/** Removes those of these dead workers that hold nothing any more. */
export async function removeDeadWorkers(db: Queryable, dead: string[]): Promise<void> {
  await db.query(
    `delete from postdate.worker
      where id = any($1) and not exists (select 1 from postdate.held where held.worker = worker.id)`,
    [dead],
  );
}
