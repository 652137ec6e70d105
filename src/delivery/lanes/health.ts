import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import type { LaneLimits } from './lane';

/** What a lane has done in a period, by the database's clock. Numbers without a unit count messages. */
export interface LaneFigures {
  /** The end of the period. */
  now: Date;
  /** The start of the period, as PostgreSQL writes it. */
  since: string;
  /** The length of the period, rounded up. */
  seconds: number;
  landed: number;
  failed: number;
  /** Landed messages that have a lateness: those that were posted before they were due. */
  timed: number;
  /** Absent if `timed` is 0. */
  lateP99Ms?: number;
  /** Of a shadow lane: how many were compared with stable, and how many of them were different. */
  compared: number;
  different: number;
}

export interface LaneRef {
  topic: string;
  lane: string;
}

/** Counts the messages that a shadow lane was compared in since an instant, and how many of them differed. */
export type CountDifferences = (
  db: Queryable,
  period: LaneRef & Pick<LaneFigures, 'since'>,
) => Promise<Pick<LaneFigures, 'compared' | 'different'>>;

// The guard reads the figures every second, and a window may be a day: the latest messages show the lane's health.
const MOST_MESSAGES = 10_000;

/**
 * Reads a lane's figures over the window of its limits, for at most its latest 10,000 messages (or `minCount`, if that
 * is more). They start again after an operator sets, ramps or stops the lane: what it did before says nothing about it
 * now. With `since` (RFC 3339) the period starts there instead.
 */
export async function readFigures(
  db: Queryable,
  { topic, lane }: LaneRef,
  { windowSeconds, minCount }: Pick<LaneLimits, 'windowSeconds' | 'minCount'>,
  { since, countDifferences }: { since?: string; countDifferences?: CountDifferences } = {},
): Promise<LaneFigures> {
  type Row = Omit<LaneFigures, 'lateP99Ms' | 'compared' | 'different'> & { lateP99Ms: number | null };
  const { rows } = await db.query<Row>({
    name: 'postdate.lane-figures',
    text: `with stretch as (
       select coalesce($5::timestamptz, greatest(
         statement_timestamp() - make_interval(secs => $3),
         -- A change in the future was written by a wrong clock, and would leave the lane unguarded.
         (select max(changed_at) from postdate.lane_change
           where topic = $1 and lane = $2 and what <> 'step' and changed_at <= statement_timestamp()))) as since),
     latest as (
       (select decided_at as at, false as failed,
               case when not late then extract(epoch from decided_at - due_at) * 1000 end as late_ms
          from postdate.delivery
         where topic = $1 and lane = $2 and lane <> '${STABLE}' and decided_at >= (select since from stretch)
         order by decided_at desc limit $4)
       union all
       (select failed_at, true, null from postdate.lane_failure
         where topic = $1 and lane = $2 and failed_at >= (select since from stretch)
         order by failed_at desc limit $4)
       order by at desc limit $4)
     select statement_timestamp() as now, (select since from stretch)::text as since,
            ceil(extract(epoch from statement_timestamp() - (select since from stretch)))::float8 as seconds,
            (count(*) filter (where not failed))::float8 as landed, (count(*) filter (where failed))::float8 as failed,
            count(late_ms)::float8 as timed, percentile_disc(0.99) within group (order by late_ms)::float8 as "lateP99Ms"
       from latest`,
    values: [topic, lane, windowSeconds, Math.max(MOST_MESSAGES, minCount), since ?? null],
  });
  const { lateP99Ms, ...figures } = rows[0] as Row;
  const none = { compared: 0, different: 0 };
  const differences = (await countDifferences?.(db, { topic, lane, since: figures.since })) ?? none;
  return { ...figures, ...differences, lateP99Ms: lateP99Ms ?? undefined };
}

/** A sentence about the limit that the figures exceed; undefined if there is none, or too few messages to tell. */
export function exceededLimit(limits: LaneLimits, figures: LaneFigures): string | undefined {
  const { landed, failed, timed, lateP99Ms = 0, compared, different } = figures;
  const rates: [string, number, number, number][] = [
    ['error rate', failed, landed + failed, limits.errorRate],
    ['difference rate', different, compared, limits.differenceRate],
  ];
  for (const [name, bad, all, limit] of rates) {
    if (all < limits.minCount || bad / all <= limit) continue;
    return `${name} ${percent(bad / all)} of ${all} in ${figures.seconds} s is above ${percent(limit)}`;
  }
  if (timed < limits.minCount || lateP99Ms <= limits.lateP99Ms) return undefined;
  return `late p99 ${Math.ceil(lateP99Ms)} ms of ${timed} in ${figures.seconds} s is above ${limits.lateP99Ms} ms`;
}

const percent = (rate: number) => `${Number((rate * 100).toFixed(2))} %`;
