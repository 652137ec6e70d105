import type { Pool } from 'pg';
import { LANE_GUARD } from '../../src/delivery/lanes/lane-stopped';
import type { RoundRun } from './round-run';
import { EVENT, TOPIC } from './topic';

/** The rows that a round has left in the tables. */
export interface RoundRecords {
  /**
   * Each effect with its lateness (commit time minus due time), and whether it came after the round's change of the
   * rules.
   */
  effects: { tenant: string; key: string; build: string; lateMs: number; afterChange: boolean }[];
  ledger: { tenant: string; key: string; lane: string | null; outcome: string }[];
  events: { tenant: string; key: string; build: string }[];
  /** The messages that the lane failed at. */
  failures: { tenant: string; key: string }[];
  /** Set if the lane guard has stopped the lane. */
  guard?: { reason: string; stoppedAfterMs: number };
}

/** Reads the rows of a round, with the commit times that PostgreSQL keeps. */
export async function readRoundRecords(pool: Pool, { prefix, lane, dueAt, changeId }: RoundRun): Promise<RoundRecords> {
  const effects = await pool.query<RoundRecords['effects'][number]>(
    `select tenant, key, build,
            (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000 - $2)::float8 as "lateMs",
            coalesce(pg_xact_commit_timestamp(xmin) > (select pg_xact_commit_timestamp(xmin) from postdate.lane_change
                                                        where id = $3), false) as "afterChange"
       from app.effect where starts_with(key, $1)`,
    [prefix, dueAt, changeId ?? null],
  );
  const ledger = await pool.query<RoundRecords['ledger'][number]>(
    'select tenant, key, lane, outcome from postdate.delivery where topic = $1 and starts_with(key, $2)',
    [TOPIC, prefix],
  );
  const events = await pool.query<RoundRecords['events'][number]>(
    `select split_part(aggregateid, '/', 1) as tenant, split_part(aggregateid, '/', 2) as key,
            payload->'data'->>'build' as build
       from postdate.outbox where aggregatetype = $1 and type = $2 and starts_with(split_part(aggregateid, '/', 2), $3)`,
    [TOPIC, EVENT, prefix],
  );
  const failures = await pool.query<RoundRecords['failures'][number]>(
    'select tenant, key from postdate.lane_failure where topic = $1 and lane = $2',
    [TOPIC, lane],
  );
  const stopped = await stoppedByGuard(pool, lane);
  return {
    effects: effects.rows,
    ledger: ledger.rows,
    events: events.rows,
    failures: failures.rows,
    guard: stopped && { reason: stopped.reason, stoppedAfterMs: stopped.stoppedAt - dueAt },
  };
}

/** When and why the lane guard stopped a lane, if it did. Epoch ms. */
export async function stoppedByGuard(
  pool: Pool,
  lane: string,
): Promise<{ stoppedAt: number; reason: string } | undefined> {
  const { rows } = await pool.query<{ stoppedAt: number; reason: string }>(
    `select (extract(epoch from changed_at) * 1000)::float8 as "stoppedAt", reason
       from postdate.lane_change where topic = $1 and lane = $2 and what = 'stop' and author = $3 order by id limit 1`,
    [TOPIC, lane, LANE_GUARD],
  );
  return rows[0];
}

/** How many messages of a round are held by a worker, for each lane. */
export async function heldOf(pool: Pool, prefix: string): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ lane: string; n: number }>(
    `select lane, count(*)::int as n from postdate.held where starts_with(key, $1) and worker <> 'nobody' group by lane`,
    [prefix],
  );
  return Object.fromEntries(rows.map(({ lane, n }) => [lane, n]));
}

/** How many messages of a round are decided. */
export const decidedOf = (pool: Pool, prefix: string): Promise<number> => count(pool, 'starts_with(key, $2)', prefix);

/** How many messages have landed in a lane. */
export const landedIn = (pool: Pool, lane: string): Promise<number> => count(pool, 'lane = $2', lane);

async function count(pool: Pool, which: string, value: string): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from postdate.delivery where topic = $1 and ${which}`,
    [TOPIC, value],
  );
  return rows[0]?.n ?? 0;
}
