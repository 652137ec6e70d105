import type { Pool } from 'pg';
import { inTransaction, type Queryable } from '../platform/database/pool';
import { MAY_COME_BACK, whyKept, whyNeeded } from './event-needs';
import { daysAgo, type OutboxPart, readParts } from './outbox-parts';
import { recordRetention } from './prune';

// Made so far ahead, so that weeks without a worker leave no event without a month.
const MONTHS_AHEAD = 2;
// All that use the outbox wait behind what waits for its lock. Less than a landing waits for one: no group falls apart.
const LOCK_TIMEOUT_MS = 200;
// What is done under the lock takes milliseconds.
const STATEMENT_TIMEOUT_MS = 1_000;

// SQLSTATEs lock_not_available, deadlock_detected and query_canceled: another transaction was in the way.
const BLOCKED = ['55P03', '40P01', '57014'];
// SQLSTATEs undefined_table, duplicate_table and unique_violation: another worker has done it.
const DONE = ['42P01', '42P07', '23505'];
// SQLSTATE check_violation: events that belong to the month are in no month already. They go there until they are gone.
const TAKEN = '23514';
const IN_THE_WAY = [...BLOCKED, ...DONE, TAKEN];

/** Makes this month and those that follow, unless they are there. What is in the way is left to the next round. */
export async function addMonths(pool: Pool): Promise<void> {
  for (let ahead = 0; ahead <= MONTHS_AHEAD; ahead += 1) {
    await shortly(pool, (tx) =>
      tx.query(
        `select postdate.add_outbox_month(
           (date_trunc('month', clock_timestamp() at time zone 'UTC') + make_interval(months => $1))::date)`,
        [ahead],
      ),
    );
  }
}

/**
 * Drops the months of which every event has been in the stream for longer than `days` and is needed by nothing. Returns the names
 * of the dropped ones. A month whose lock is taken stays until the next round.
 */
export async function dropPastMonths(pool: Pool, days: number): Promise<string[]> {
  const before = await daysAgo(pool, days);
  const dropped: string[] = [];
  for (const part of await readParts(pool, before)) {
    if (part.kind === 'noMonth' || !part.isPast) continue;
    const why = await unlessInTheWay(whyKept(pool, part.table, before));
    if (why?.length !== 0) continue;
    if (await dropMonth(pool, part, days)) dropped.push(part.name);
  }
  return dropped;
}

/** Drops a month that nothing keeps, unless a reader has come back to it since, or others have its lock. */
export async function dropMonth(
  pool: Pool,
  { name, table }: Pick<OutboxPart, 'name' | 'table'>,
  days: number,
): Promise<boolean> {
  const done = await shortly(pool, async (tx) => {
    // The parts are not locked with it: nothing comes to them past this lock.
    await tx.query('lock table only postdate.outbox in access exclusive mode');
    // Nothing changes any more: what is asked now still holds when the month goes.
    if ((await whyNeeded(tx, table, MAY_COME_BACK)).length > 0) return false;
    await recordRetention(tx, 'outbox', days);
    await tx.query('select postdate.drop_outbox_month($1)', [name]);
    return true;
  });
  return done === true;
}

/** Runs `work` in a transaction that gives up soon; undefined if others were in the way. */
const shortly = <Result>(pool: Pool, work: (tx: Queryable) => Promise<Result>): Promise<Result | undefined> =>
  unlessInTheWay(
    inTransaction(
      pool,
      async (tx) => {
        await tx.query(`set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
        return await work(tx);
      },
      { lockTimeoutMs: LOCK_TIMEOUT_MS },
    ),
  );

async function unlessInTheWay<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (IN_THE_WAY.includes((error as { code?: string }).code ?? '')) return undefined;
    throw error;
  }
}
