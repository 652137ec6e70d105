import { Pool, type PoolClient } from 'pg';
import { RESET_SESSION } from './lent-transaction';
import { ownTypes } from './own-types';
import { SESSION_SETTINGS } from './session-settings';

/**
 * A pool or one of its clients, for code that only runs statements. A statement with a name is parsed and planned once
 * per connection; those that run for every landing have one.
 */
export type Queryable = Pick<PoolClient, 'query'>;

// Our statements take milliseconds. One that takes seconds waits for a lock, and must fail before the activity's 30 s
// start-to-close timeout: two deliveries of one message would otherwise queue for the same row.
const STATEMENT_TIMEOUT_MS = 20_000;

/**
 * A pool of at most `connections`; connections that break are reported to `onError` and replaced. One that `isShared`, of
 * routes of the application, reads PostgreSQL's types as the application has set it.
 */
export function createPool(
  connectionString: string,
  { connections, onError, isShared = false }: { connections: number; onError(error: Error): void; isShared?: boolean },
): Pool {
  const pool = new Pool({
    connectionString,
    max: connections,
    ...(isShared ? {} : { types: ownTypes as never }),
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // A process that is paused in the middle of a transaction must not keep its locks, nor hold back vacuum.
    idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: 10_000,
    application_name: 'postdate',
    async onConnect(client) {
      // Not known to the pool yet. The query fails with the connection.
      client.on('error', () => undefined);
      await client.query(SESSION_SETTINGS);
    },
  });
  // The pool listens for errors of idle clients only. A client that breaks in the middle of a transaction would
  // otherwise raise an unhandled error, which ends the process.
  pool.on('connect', (client) => client.on('error', onError));
  pool.on('error', () => undefined);
  return pool;
}

// SQLSTATE invalid_sql_statement_name.
const NO_SUCH_STATEMENT = '26000';

/**
 * Runs `work` in one transaction, which is committed if `work` returns and rolled back if it throws. If the connection
 * breaks at COMMIT, the result is unknown and this throws; all callers may safely run again. Aborting `signal` breaks
 * the connection, so that even a statement that waits for a lock does not hold up its caller. With `lockTimeoutMs`, a
 * statement that waits longer for a lock fails. With `isLent`, `work` lends the transaction to foreign code: nothing that this
 * leaves in the session reaches the next user of the connection.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (tx: PoolClient) => Promise<Result>,
  { signal, lockTimeoutMs, isLent = false }: { signal?: AbortSignal; lockTimeoutMs?: number; isLent?: boolean } = {},
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
    // The signal may have been aborted while this waited for a connection.
    signal?.throwIfAborted();
    await tx.query(lockTimeoutMs === undefined ? 'begin' : `begin; set local lock_timeout = ${lockTimeoutMs}`);
    const result = await work(tx);
    // In one message, which PgBouncer does not divide between two sessions.
    const ended = await tx.query(isLent ? `commit; ${RESET_SESSION}` : 'commit');
    const { command } = [ended].flat()[0] as { command: string };
    // If `work` has swallowed a statement's error, PostgreSQL answers COMMIT with ROLLBACK and no error.
    if (command !== 'COMMIT') throw new Error('the transaction had failed before and was rolled back');
    return result;
  } catch (error) {
    // A connection whose prepared statements foreign code has removed would fail its next user as well.
    if (isLent && (error as { code?: unknown }).code === NO_SUCH_STATEMENT) release(error as Error);
    // A connection that cannot even roll back is destroyed; PostgreSQL then ends its transaction.
    if (!released) await tx.query(isLent ? `rollback; ${RESET_SESSION}` : 'rollback').catch(release);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    release();
  }
}

/**
 * Whether the database accepts writes now. After a failed transaction: whether the database or the statement failed.
 */
export async function acceptsWrites(pool: Pool): Promise<boolean> {
  try {
    const { rows } = await pool.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
    return rows[0]?.standby === false;
  } catch {
    return false;
  }
}

// SQLSTATE classes: connection exception, insufficient resources, operator intervention and system error; and the code
// of a read-only standby. https://www.postgresql.org/docs/current/errcodes-appendix.html
const UNAVAILABLE_SQLSTATE = /^(08|53|57|58)[0-9A-Z]{3}$|^25006$/;
const UNAVAILABLE_SYSTEM_CODE = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_|ENOENT)/;
// The driver and its pool give these errors no code.
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|Connection terminated|not queryable|calling end on the pool/;

/** Whether an error means that the database is unavailable, and not that the statement is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') return UNAVAILABLE_SQLSTATE.test(code) || UNAVAILABLE_SYSTEM_CODE.test(code);
  return UNAVAILABLE_MESSAGE.test(String(message));
}
