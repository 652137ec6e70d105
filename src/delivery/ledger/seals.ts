import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { rfc3339 } from '../../message/due-time';
import { acquireExclusiveLease } from '../../platform/database/lease';
import { inTransaction } from '../../platform/database/pool';
import { type BackgroundLoop, runInBackground } from '../../platform/loops/background-loop';
import type { Progress } from '../../platform/loops/progress';

/** A sealed day of the ledger, in UTC as YYYY-MM-DD. */
interface LedgerDay {
  day: string;
  decisions: number;
  hash: string;
}

/** A day with other rows than it was sealed with. */
export interface BrokenDay {
  day: string;
  sealed: Omit<LedgerDay, 'day'>;
  found: Omit<LedgerDay, 'day'>;
}

// No landing takes this long between its decision and its commit.
const SEALED_AFTER_HOURS = 1;
const PAGE = 5_000;
const FIRST_HASH = 'postdate';

/**
 * Seals the next day of the ledger that has ended. False if there is none, or another worker seals it. A seal is the
 * SHA-256 of the previous seal and the day's rows.
 */
export function sealNextDay(pool: Pool): Promise<boolean> {
  return inTransaction(pool, async (tx) => {
    if (!(await acquireExclusiveLease(tx, 'seal the ledger', 0))) return false;
    await tx.query('set local statement_timeout = 0');
    const { rows } = await tx.query<{ day: string | null; before: string | null }>(
      `select to_char(coalesce(max(ledger_day.day) + 1, (select (min(decided_at) at time zone 'UTC')::date
                                                           from postdate.delivery)), 'YYYY-MM-DD') as day,
              (select hash from postdate.ledger_day order by day desc limit 1) as before
         from postdate.ledger_day`,
    );
    const { day, before } = rows[0] as (typeof rows)[0];
    if (day === null) return false;
    const ended = await tx.query(
      // By this machine's clock as well: a database clock that is ahead would seal a day that still gets decisions.
      `select 1 where ($1::date + 1)::timestamp at time zone 'UTC'
                        < least(clock_timestamp(), $3) - make_interval(hours => $2)`,
      [day, SEALED_AFTER_HOURS, rfc3339(Date.now())],
    );
    if (ended.rowCount === 0) return false;
    const { decisions, hash } = await hashOf(tx, day, before ?? FIRST_HASH);
    await tx.query('insert into postdate.ledger_day (day, decisions, hash) values ($1, $2, $3)', [
      day,
      decisions,
      hash,
    ]);
    return true;
  });
}

/** Seals each day of the ledger an hour after its end. */
export const startSealing = (pool: Pool, { onError }: { onError(error: unknown): void }): BackgroundLoop =>
  runInBackground(async () => ((await sealNextDay(pool)) ? 'more' : 'idle'), { pauseMs: 600_000, onError });

/**
 * Finds the sealed days with rows that were removed, added or changed since. `days`: all sealed days. `removed`: those
 * that retention has removed, which are not verified.
 */
export function verifyDays(
  pool: Pool,
  progress?: Progress,
): Promise<{ days: number; removed: number; broken: BrokenDay[] }> {
  return inTransaction(pool, async (tx) => {
    await tx.query('set transaction isolation level repeatable read, read only');
    await tx.query('set local statement_timeout = 0');
    const { rows } = await tx.query<LedgerDay & { before: string | null; removed: boolean }>(
      `select to_char(day, 'YYYY-MM-DD') as day, decisions::float8 as decisions, hash, lag(hash) over (order by day) as before,
              day <= coalesce((select (before at time zone 'UTC')::date from postdate.retention where what = 'ledger'),
                              '-infinity') as removed
         from postdate.ledger_day order by day`,
    );
    const broken: BrokenDay[] = [];
    const kept = rows.filter(({ removed }) => !removed);
    progress?.begin('sealed days', kept.length);
    for (const { day, decisions, hash, before } of kept) {
      const found = await hashOf(tx, day, before ?? FIRST_HASH);
      if (found.hash !== hash) broken.push({ day, sealed: { decisions, hash }, found });
      progress?.done();
    }
    return { days: rows.length, removed: rows.length - kept.length, broken };
  });
}

async function hashOf(tx: PoolClient, day: string, before: string): Promise<{ decisions: number; hash: string }> {
  const hash = createHash('sha256').update(before);
  let decisions = 0;
  // Every column by name, and instants as numbers: a column added later, or the server's time zone, does not change the
  // hash.
  await tx.query(`
    declare ledger_day_rows no scroll cursor for
    select jsonb_build_array(topic, tenant, key, cycle, outcome, (extract(epoch from due_at) * 1000000)::bigint,
                             (extract(epoch from decided_at) * 1000000)::bigint, late, next_cycle,
                             (extract(epoch from next_due_at) * 1000000)::bigint, reason, command_id, post_id)::text as text
      from postdate.delivery
     where decided_at >= '${day}'::timestamp at time zone 'UTC'
       and decided_at < ('${day}'::date + 1)::timestamp at time zone 'UTC'
     order by topic collate "C", tenant collate "C", key collate "C", cycle`);
  for (;;) {
    const { rows } = await tx.query<{ text: string }>(`fetch ${PAGE} from ledger_day_rows`);
    for (const { text } of rows) hash.update('\n').update(text);
    decisions += rows.length;
    if (rows.length < PAGE) break;
  }
  await tx.query('close ledger_day_rows');
  return { decisions, hash: hash.digest('hex') };
}
