import type { Queryable } from './pool';

// Slightly less than the loop's pause: a single worker would otherwise miss every other round.
const TAKEN_FOR = 0.9;

/**
 * True for one worker per name and interval of `everyMs`, by the database's clock. This is a lease in a table, not a
 * session's lock: a paused worker keeps its connection, and would keep a lock with it. A `next_at` further ahead than
 * one interval was written by a wrong clock, and does not block the next worker.
 */
export const acquireLease = async (db: Queryable, name: string, everyMs: number): Promise<boolean> =>
  (await acquireLeases(db, [name], everyMs)).length === 1;

/** Acquires those of these leases that are free, in one statement; returns their names. */
export async function acquireLeases(db: Queryable, names: string[], everyMs: number): Promise<string[]> {
  const { rows } = await db.query<{ name: string }>(
    `insert into postdate.turn as turn (name, next_at)
     select name, clock_timestamp() + make_interval(secs => $2) from unnest($1::text[]) as given (name) order by name
     on conflict (name) do update set next_at = excluded.next_at
      where turn.next_at not between clock_timestamp() and clock_timestamp() + make_interval(secs => $2)
     returning name`,
    [names, (everyMs * TAKEN_FOR) / 1000],
  );
  return rows.map(({ name }) => name);
}

/**
 * Acquires the lease, and says how many ms ago it was acquired before, by the database's clock; `beforeMs` is undefined if it never
 * was, if a wrong clock has written it, or if PostgreSQL has lost it in a crash. So a worker can go on where the one before it began.
 * Undefined: the lease is not free.
 */
export async function acquireNextLease(
  db: Queryable,
  name: string,
  everyMs: number,
): Promise<{ beforeMs?: number } | undefined> {
  const { rows } = await db.query<{ next_in_ms: number }>(
    `select extract(epoch from next_at - clock_timestamp())::float8 * 1000 as next_in_ms from postdate.turn where name = $1`,
    [name],
  );
  if (!(await acquireLease(db, name, everyMs))) return undefined;
  const beforeMs = everyMs * TAKEN_FOR - (rows[0]?.next_in_ms ?? Number.POSITIVE_INFINITY);
  return { beforeMs: beforeMs >= 0 ? beforeMs : undefined };
}

/**
 * Acquires the lease only if no other transaction works under its name. That exclusion lasts until this transaction
 * ends.
 */
export const acquireExclusiveLease = async (tx: Queryable, name: string, everyMs: number): Promise<boolean> =>
  (await tryAdvisoryLock(tx, name)) && acquireLease(tx, name, everyMs);

/** What the advisory lock of a name is called; its number is the hash of this text. */
export const lockNameOf = (name: string): string => `postdate.turn:${name}`;

/** True for one transaction at a time per name. PostgreSQL releases the advisory lock when the transaction ends. */
export async function tryAdvisoryLock(tx: Queryable, name: string): Promise<boolean> {
  const { rows } = await tx.query<{ locked: boolean }>(
    'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as locked',
    [lockNameOf(name)],
  );
  return rows[0]?.locked === true;
}
