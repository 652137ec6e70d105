import type { Pool } from 'pg';

/** What a database has committed, and what its server has written to its log, until now. */
export interface DatabaseWork {
  commits: number;
  walBytes: number;
}

/** Reads both counters. A session that is idle may report its commits ten seconds later. */
export async function readWork(pool: Pool): Promise<DatabaseWork> {
  const { rows } = await pool.query<{ commits: number; wal: number }>(
    `select xact_commit::float8 as commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
       from pg_stat_database where datname = current_database()`,
  );
  return { commits: rows[0]?.commits ?? 0, walBytes: rows[0]?.wal ?? 0 };
}

/** The transactions that had a run's effects: the landings' own, told apart by the rows that each has changed. */
export async function countLandings(pool: Pool, run: string): Promise<number> {
  const { rows } = await pool.query<{ landings: number }>(
    `select count(distinct xmin::text)::int as landings from app.request where run = $1 and status = 'EXPIRED'`,
    [run],
  );
  return rows[0]?.landings ?? 0;
}
