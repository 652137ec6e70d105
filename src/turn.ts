import type { Queryable } from './database';

/**
 * True for one worker per name and interval, by the database's clock. A lease and not a session's lock: a worker that is
 * paused, and keeps its connection, would keep the lock as well. What lies further ahead than an interval was written by
 * a clock that was wrong, and keeps nobody waiting.
 */
export async function takeTurn(db: Queryable, name: string, everyMs: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into postdate.turn as turn (name, next_at)
     values ($1, clock_timestamp() + make_interval(secs => $2))
     on conflict (name) do update set next_at = excluded.next_at
      where turn.next_at not between clock_timestamp() and clock_timestamp() + make_interval(secs => $2)`,
    // A little less than the pause, or a worker alone would miss every other turn of its own.
    [name, (everyMs * 0.9) / 1000],
  );
  return rowCount === 1;
}

/** The same for work within this transaction, of which no second one runs beside it. */
export const takeTurnAlone = async (tx: Queryable, name: string, everyMs: number): Promise<boolean> =>
  (await isAlone(tx, name)) && takeTurn(tx, name, everyMs);

/** True for one transaction at a time per name: an advisory lock is held until its end. */
export async function isAlone(tx: Queryable, name: string): Promise<boolean> {
  const { rows } = await tx.query<{ alone: boolean }>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as alone',
    [`postdate.turn:${name}`],
  );
  return rows[0]?.alone === true;
}
