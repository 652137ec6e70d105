import { Pool, type PoolClient } from 'pg';

/**
 * A pool or one of its clients: whoever only runs statements takes either. A statement with a name is parsed and planned
 * once per connection; those that run for every landing have one.
 */
export type Queryable = Pick<PoolClient, 'query'>;

// No statement of ours takes seconds; one that does waits for a lock, and must give up before the activity's
// 30 s start-to-close timeout does, or two deliveries of one message would queue for the same row.
const STATEMENT_TIMEOUT_MS = 20_000;

/** A pool of at most `connections`; connections that break are reported to `onError` and replaced. */
export function createPool(
  connectionString: string,
  { connections, onError }: { connections: number; onError(error: Error): void },
): Pool {
  const pool = new Pool({
    connectionString,
    max: connections,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // A process stopped in the middle of a transaction must not keep its locks, nor hold back vacuum.
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: 10_000,
    application_name: 'postdate',
  });
  // The pool listens to its clients only while they are idle; one that breaks in the middle of a transaction would be
  // an unhandled error and end the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => undefined);
  return pool;
}

/**
 * Runs `work` in one transaction: commits what it returns from, rolls back what it throws from.
 * When the connection breaks at COMMIT the result is unknown and this throws; all callers may safely run again.
 * Aborting `signal` breaks the connection, so that not even a statement that waits for a lock holds up its caller.
 * With `lockTimeoutMs` a statement that waits longer for a lock fails.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (tx: PoolClient) => Promise<Result>,
  { signal, lockTimeoutMs }: { signal?: AbortSignal; lockTimeoutMs?: number } = {},
): Promise<Result> {
  const tx = await pool.connect();
  let released = false;
  const release = (broken?: Error) => {
    if (!released) tx.release(broken);
    released = true;
  };
  const abort = () => release(new Error('aborted'));
  signal?.addEventListener('abort', abort);
  try {
    // It may have been aborted while this waited for a connection.
    signal?.throwIfAborted();
    await tx.query(lockTimeoutMs === undefined ? 'begin' : `begin; set local lock_timeout = ${lockTimeoutMs}`);
    const result = await work(tx);
    // An aborted transaction answers COMMIT with a rollback and no error, should `work` have hidden the one that broke it.
    const { command } = await tx.query('commit');
    if (command !== 'COMMIT') throw new Error('the transaction had failed before and was rolled back');
    return result;
  } catch (error) {
    // A connection that cannot even roll back is thrown away; the server ends its transaction by itself.
    if (!released) await tx.query('rollback').catch(release);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    release();
  }
}

/** Whether the database takes writes now. After a failed transaction it tells whose fault it was. */
export async function takesWrites(pool: Pool): Promise<boolean> {
  try {
    const { rows } = await pool.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
    return rows[0]?.standby === false;
  } catch {
    return false;
  }
}

// SQLSTATE's classes of a lost connection, no resources, an operator's doing and the system's, and a standby that takes no
// writes; https://www.postgresql.org/docs/current/errcodes-appendix.html
const AWAY_SQLSTATE = /^(08|53|57|58)[0-9A-Z]{3}$|^25006$/;
const AWAY_SYSTEM = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT)/;
// The driver and its pool say these in words only.
const AWAY_WORDS =
  /timeout exceeded when trying to connect|Connection terminated|not queryable|calling end on the pool/;

/** Whether an error says that the database is away, rather than that the statement is wrong. */
export function isDatabaseAway(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return AWAY_SQLSTATE.test(code) || AWAY_SYSTEM.test(code);
  return AWAY_WORDS.test(String(message));
}
