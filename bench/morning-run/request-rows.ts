import type { Pool } from 'pg';

const RUN = 'm';

/** The id of the nth request, from 1; ids sort like their numbers. */
export const requestId = (n: number): string => `${RUN}.${String(n).padStart(6, '0')}`;

/** Fills the application's empty table; nothing is due for a year. */
export async function fillTable(pool: Pool, rows: number): Promise<void> {
  await pool.query(
    `insert into app.request (id, run, due_at)
     select $1 || '.' || lpad(n::text, 6, '0'), $1, now() + interval '1 year' from generate_series(1, $2::int) as n`,
    [RUN, rows],
  );
  // What the batch job looks for; every change of status therefore writes an index, too.
  await pool.query(`create index request_due on app.request (due_at) where status = 'PENDING'`);
  await pool.query('vacuum (analyze) app.request');
}

/**
 * Makes every request pending again, with the first `dueRows` due at the instant. The vacuum and the checkpoint are
 * part of it, so that the garbage of one window is not cleaned up in the next.
 */
export async function restoreTable(pool: Pool, { dueRows, dueAt }: { dueRows: number; dueAt: number }): Promise<void> {
  await pool.query(
    `update app.request
        set status = 'PENDING', due_at = case when id <= $1 then $2::timestamptz else now() + interval '1 year' end
      where id <= $1 or status <> 'PENDING' or due_at < now() + interval '1 day'`,
    [requestId(dueRows), new Date(dueAt)],
  );
  await pool.query('truncate app.event, app.miss');
  await pool.query('vacuum (analyze) app.request');
  await pool.query('checkpoint');
}

/** What became of a window's due rows, by the table alone. */
export interface Outcome {
  expired: number;
  paid: number;
  /** Neither: they are not decided. */
  pending: number;
  /** Of the expired, by their commit times. */
  latenessMs: number[];
}

export async function readOutcome(pool: Pool, dueRows: number): Promise<Outcome> {
  const { rows } = await pool.query<{ status: string; ms: number }>(
    `select status, (extract(epoch from pg_xact_commit_timestamp(xmin) - due_at) * 1000)::float8 as ms
       from app.request where id <= $1`,
    [requestId(dueRows)],
  );
  const having = (status: string) => rows.filter((row) => row.status === status);
  return {
    expired: having('EXPIRED').length,
    paid: having('PAID').length,
    pending: having('PENDING').length,
    latenessMs: having('EXPIRED').map(({ ms }) => ms),
  };
}
