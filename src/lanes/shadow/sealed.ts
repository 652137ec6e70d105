import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

// A landing waits 500 ms for a lock and then tries once more: a shadow that died with its locks is over by then.
const LIMIT_MS = 800;
// It waits for nobody who does real work. Shorter than the second after which PostgreSQL looks for a deadlock and ends
// one of the two: it is always the shadow that gives up.
const LOCK_TIMEOUT_MS = 100;
// Most shadows are over before; of the others it is asked whether anybody waits for them.
const LOOK_FOR_WAITING_MS = 50;

/** A shadow's transaction that was broken off: it `hangs`, or it `gaveWay` to somebody who waited for its locks. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
  constructor(readonly why: 'hangs' | 'gaveWay') {
    super(why === 'hangs' ? `it took longer than ${LIMIT_MS} ms` : 'somebody waited for its locks');
  }
}

/** SQLSTATE of a commit that was tried in a sealed transaction. */
export const COMMIT_REFUSED = 'PDSHW';

/**
 * Runs `work` in a transaction that is rolled back, whatever it does and however it ends. It cannot commit: the seal fails
 * any commit, and outside of the transaction the connection is read-only. It gives way to whoever waits for its locks.
 * `trials` is a pool for nothing else; `pool` is for looking after it.
 */
export async function inSealedTransaction<Result>(
  { trials, pool, onError }: { trials: Pool; pool: Pool; onError(error: unknown): void },
  work: (tx: PoolClient) => Promise<Result>,
): Promise<Result> {
  const tx = await trials.connect();
  const over = new AbortController();
  let broken: BrokenOff | undefined;
  try {
    const pid = await seal(tx);
    const breakOff = async (why: BrokenOff['why']): Promise<never> => {
      broken = new BrokenOff(why);
      // Now, not when its statement is over: until then its locks are kept.
      await pool.query('select pg_terminate_backend($1)', [pid]).catch(onError);
      throw broken;
    };
    const working = work(tx).catch((error) => {
      // Its connection was ended: that is why, and not whatever this says.
      throw broken ?? error;
    });
    return await Promise.race([working, limit(over.signal, breakOff), giveWay(pool, pid, over.signal, breakOff)]);
  } finally {
    over.abort();
    await end(tx, broken !== undefined);
  }
}

async function seal(tx: PoolClient): Promise<number> {
  // By itself: together with the begin it would be a part of the transaction, and be rolled back with it.
  await tx.query('set default_transaction_read_only = on');
  await tx.query(
    `begin read write;
     set local lock_timeout = ${LOCK_TIMEOUT_MS}; set local statement_timeout = ${LIMIT_MS};
     set local idle_in_transaction_session_timeout = ${LIMIT_MS}`,
  );
  const { rows } = await tx.query<{ pid: number }>(
    'with sealed as (insert into postdate.shadow_seal values (true)) select pg_backend_pid() as pid',
  );
  return rows[0]?.pid as number;
}

async function end(tx: PoolClient, broken: boolean): Promise<void> {
  if (broken) return tx.release(true);
  try {
    // A session's advisory lock outlives its transaction, and somebody real may want it.
    await tx.query('rollback; select pg_advisory_unlock_all()');
    tx.release();
  } catch {
    // Whatever it is that a connection cannot roll back is over when it is.
    tx.release(true);
  }
}

const never = new Promise<never>(() => undefined);

async function limit(over: AbortSignal, breakOff: (why: 'hangs') => Promise<never>): Promise<never> {
  // Only the abort rejects, and by then nobody waits for this.
  await pause(LIMIT_MS, undefined, { signal: over }).catch(() => undefined);
  return over.aborted ? never : breakOff('hangs');
}

async function giveWay(
  pool: Pool,
  pid: number,
  over: AbortSignal,
  breakOff: (why: 'gaveWay') => Promise<never>,
): Promise<never> {
  for (;;) {
    await pause(LOOK_FOR_WAITING_MS, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return never;
    // Who cannot look lets go of nothing too late: the limit is as near.
    const someoneWaits = await isWaitedFor(pool, pid).catch(() => false);
    if (someoneWaits && !over.aborted) return breakOff('gaveWay');
  }
}

async function isWaitedFor(pool: Pool, pid: number): Promise<boolean> {
  const { rows } = await pool.query<{ waited: boolean }>(
    'select exists (select from pg_locks where not granted and $1 = any(pg_blocking_pids(pid))) as waited',
    [pid],
  );
  return rows[0]?.waited === true;
}
