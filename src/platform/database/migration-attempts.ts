import { setTimeout as pause } from 'node:timers/promises';
import { type Migration, sql } from 'kysely';
import type { Pool, PoolClient } from 'pg';

// All statements on a table wait behind a migration that waits for its lock on that table, and landings are among them.
const LOCK_TIMEOUT_MS = 1_000;
// Landings go on between two attempts. As long as a transaction stays open, they get more and more of the time.
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const LOOK_MS = 250;

// SQLSTATEs lock_not_available and deadlock_detected. PostgreSQL has undone the attempt.
const BLOCKED = ['55P03', '40P01'];

export interface MigrateOptions {
  /** Called with the reason when a migration has to wait. */
  onWaiting?(reason: string): void;
  /** Ends the waiting; `migrate` then rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/** The migration with a limit on each wait for a lock. It must run in a transaction. */
export const withLockTimeout = ({ up }: Migration): Migration => ({
  async up(db) {
    await sql`set local lock_timeout = ${sql.lit(LOCK_TIMEOUT_MS)}`.execute(db);
    await up(db);
  },
});

/**
 * Runs `attempt` again, after a pause, as long as other transactions block it. One process at a time does so, as the
 * attempts of several would follow each other without a gap. `attempt` is given the connection that keeps others out.
 */
export async function untilUnblocked(
  pool: Pool,
  attempt: (locked: PoolClient) => Promise<void>,
  { onWaiting, signal }: MigrateOptions,
): Promise<void> {
  const client = await pool.connect();
  try {
    if (!(await tryMigrationLock(client))) {
      onWaiting?.('another process migrates this database');
      while (!(await tryMigrationLock(client))) await pause(LOOK_MS, undefined, { signal });
    }
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      try {
        return await attempt(client);
      } catch (error) {
        if (!BLOCKED.includes((error as { code?: string }).code ?? '')) throw error;
        onWaiting?.(`a transaction holds a lock that it needs: ${(error as Error).message}`);
        await pause(pauseMs, undefined, { signal });
      }
    }
  } finally {
    // The lock is the session's, and ends with it.
    client.release(true);
  }
}

// Not the lock of kysely's migrator: workers of earlier releases wait for that one at their start.
async function tryMigrationLock(client: PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ locked: boolean }>(
    `select pg_try_advisory_lock(hashtextextended('postdate.migrate', 0)) as locked`,
  );
  return rows[0]?.locked === true;
}
