import type { Pool } from 'pg';

/** Promises how many transactions this database has had. Sessions that are idle report theirs within a second. */
export async function transactionsIn(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ transactions: number }>(
    `select (xact_commit + xact_rollback)::float8 as transactions
       from pg_stat_database where datname = current_database()`,
  );
  return rows[0]?.transactions ?? 0;
}
