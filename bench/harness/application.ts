import type { Pool } from 'pg';

/**
 * The application's tables, the same for every contender. `run` names one contender's attempt. Neither `event` nor
 * `miss` has a unique key: what happens twice must be seen, not prevented.
 */
export async function createApplication(pool: Pool): Promise<void> {
  await pool.query(`
    create schema if not exists app;
    create table if not exists app.request (
      id     text        primary key,
      run    text        not null,
      status text        not null default 'PENDING',
      due_at timestamptz not null
    );
    create index if not exists request_run on app.request (run);
    create table if not exists app.event (
      request_id text        not null,
      type       text        not null,
      at         timestamptz not null default clock_timestamp()
    );
    -- a contender's call that found its row not pending any more, or not due yet
    create table if not exists app.miss (
      request_id text        not null,
      at         timestamptz not null default clock_timestamp()
    )`);
}

/** Promises so many pending rows of this run, due at one instant or so many milliseconds apart, and returns their ids. */
export async function insertRequests(
  pool: Pool,
  run: string,
  count: number,
  firstDueAt: Date,
  apartMs = 0,
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into app.request (id, run, due_at)
     select $1 || '.' || lpad(n::text, 6, '0'), $1, $3::timestamptz + (n - 1) * $4 * interval '1 millisecond'
       from generate_series(1, $2) as n
     returning id`,
    [run, count, firstDueAt, apartMs],
  );
  return rows.map(({ id }) => id);
}

/** The id of the request of this number, from 1 on, as `insertRequests` makes them. */
export const requestId = (run: string, number: number): string => `${run}.${String(number).padStart(6, '0')}`;

/** Promises one pending row. */
export async function insertRequest(pool: Pool, { id, run, dueAt }: { id: string; run: string; dueAt: number }) {
  await pool.query('insert into app.request (id, run, due_at) values ($1, $2, $3)', [id, run, new Date(dueAt)]);
}

/** Sets the due time of all rows of this run. */
export async function setDue(pool: Pool, run: string, dueAt: Date): Promise<void> {
  await pool.query('update app.request set due_at = $2 where run = $1', [run, dueAt]);
}

/** Promises how many rows of this run have had their effect. */
export async function countExpired(pool: Pool, run: string): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    `select count(*)::int as count from app.request where run = $1 and status = 'EXPIRED'`,
    [run],
  );
  return rows[0]?.count ?? 0;
}

/** Promises that no checkpoint, vacuum or missing statistics of an earlier contender falls into the next one's time. */
export async function settleDatabase(pool: Pool): Promise<void> {
  await pool.query('vacuum analyze app.request');
  await pool.query('vacuum analyze app.event');
  await pool.query('checkpoint');
}
