import { setTimeout as pause } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';

// A landing waits 500 ms for a lock and then tries once more. A shadow that died with its locks has ended by then.
const LIMIT_MS = 800;
// Shorter than the second after which PostgreSQL looks for a deadlock and ends one of the two transactions: the shadow
// always gives up first, and not stable.
const LOCK_TIMEOUT_MS = 100;
// Most trials have ended by then; the others are checked for sessions that wait for their locks.
const CHECK_BLOCKING_MS = 50;

/** A trial was aborted: it `hangs`, or it `gaveWay` to a session that waited for its locks. */
export class TrialAborted extends Error {
  // Stored with comparisons by every release so far, and shown to operators.
  override readonly name = 'BrokenOff';
  constructor(readonly why: 'hangs' | 'gaveWay') {
    super(why === 'hangs' ? `it took longer than ${LIMIT_MS} ms` : 'another session waited for its locks');
  }
}

/**
 * Runs `work` in a transaction that is always rolled back. It cannot commit: a deferred trigger of
 * `postdate.shadow_seal` fails any commit, and outside of the transaction the connection is read-only. It is aborted if
 * another session waits for its locks, and after 800 ms. `trials`: a pool for nothing else. `pool`: for the checks.
 */
export async function inNoCommitTransaction<Result>(
  { trials, pool, onError }: { trials: Pool; pool: Pool; onError(error: unknown): void },
  work: (tx: PoolClient) => Promise<Result>,
): Promise<Result> {
  const tx = await trials.connect();
  const done = new AbortController();
  let aborted: TrialAborted | undefined;
  try {
    const pid = await beginNoCommit(tx);
    const abort = async (why: TrialAborted['why']): Promise<never> => {
      aborted = new TrialAborted(why);
      // Terminated at once, not after its statement, which would keep the locks until then.
      await pool.query('select pg_terminate_backend($1)', [pid]).catch(onError);
      throw aborted;
    };
    const working = work(tx).catch((error) => {
      // After an abort the error of the ended connection is not the cause.
      throw aborted ?? error;
    });
    return await Promise.race([
      working,
      abortAtLimit(done.signal, abort),
      abortWhenBlocking(pool, pid, done.signal, abort),
    ]);
  } finally {
    done.abort();
    await endTransaction(tx, aborted !== undefined);
  }
}

async function beginNoCommit(tx: PoolClient): Promise<number> {
  // A statement of its own: together with `begin` it would be part of the transaction, and be rolled back with it.
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

async function endTransaction(tx: PoolClient, aborted: boolean): Promise<void> {
  if (aborted) return tx.release(true);
  try {
    // A session's advisory lock outlives its transaction, and a landing may want it.
    await tx.query('rollback; select pg_advisory_unlock_all()');
    tx.release();
  } catch {
    // If the rollback fails, closing the connection ends the transaction.
    tx.release(true);
  }
}

const never = new Promise<never>(() => undefined);

async function abortAtLimit(done: AbortSignal, abort: (why: 'hangs') => Promise<never>): Promise<never> {
  // Only the abort rejects, and the race is decided by then.
  await pause(LIMIT_MS, undefined, { signal: done }).catch(() => undefined);
  return done.aborted ? never : abort('hangs');
}

async function abortWhenBlocking(
  pool: Pool,
  pid: number,
  done: AbortSignal,
  abort: (why: 'gaveWay') => Promise<never>,
): Promise<never> {
  for (;;) {
    await pause(CHECK_BLOCKING_MS, undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) return never;
    // If the check fails, the limit of 800 ms still applies.
    const blocks = await blocksOthers(pool, pid).catch(() => false);
    if (blocks && !done.aborted) return abort('gaveWay');
  }
}

async function blocksOthers(pool: Pool, pid: number): Promise<boolean> {
  const { rows } = await pool.query<{ blocks: boolean }>(
    'select exists (select from pg_locks where not granted and $1 = any(pg_blocking_pids(pid))) as blocks',
    [pid],
  );
  return rows[0]?.blocks === true;
}
