import type { Queryable } from '../database';
import { STABLE } from '../lane-name';
import type { LaneLimits } from './lane';

/** What a lane has done over a stretch of time, by the database's clock. */
export interface LaneFigures {
  /** Now, and when the stretch began, as PostgreSQL writes it. */
  now: Date;
  since: string;
  /** How long the stretch is, rounded up. */
  seconds: number;
  landed: number;
  failed: number;
  /** Landed, and not due before they were posted: those have a lateness. Absent without any. */
  timed: number;
  lateP99Ms?: number;
  /** Of a shadow's lane: what was compared with stable's, and was not the same. */
  compared: number;
  different: number;
}

export interface LaneName {
  topic: string;
  lane: string;
}

/** Reads how many messages of a shadow's lane were compared since an instant, and how many differed. */
export type DifferencesOf = (
  db: Queryable,
  stretch: LaneName & Pick<LaneFigures, 'since'>,
) => Promise<Pick<LaneFigures, 'compared' | 'different'>>;

// A window may be a day, and is looked at every second: the latest messages say how the lane is.
const LATEST = 10_000;

/**
 * A lane's figures over its limits' window, of its latest 10,000 messages at most, or as many as the limits' least. They begin
 * again when somebody sets, ramps or stops the lane: what it did before says nothing of it as it is. With `since`, RFC 3339,
 * they are of the time since then instead.
 */
export async function readFigures(
  db: Queryable,
  { topic, lane }: LaneName,
  { windowSeconds, minCount }: Pick<LaneLimits, 'windowSeconds' | 'minCount'>,
  { since, differencesOf }: { since?: string; differencesOf?: DifferencesOf } = {},
): Promise<LaneFigures> {
  type Row = Omit<LaneFigures, 'lateP99Ms' | 'compared' | 'different'> & { lateP99Ms: number | null };
  const { rows } = await db.query<Row>({
    name: 'postdate.lane-figures',
    text: `with stretch as (
       select coalesce($5::timestamptz, greatest(
         statement_timestamp() - make_interval(secs => $3),
         -- One that lies ahead was written by a clock that was wrong, and would keep the lane unguarded.
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
    values: [topic, lane, windowSeconds, Math.max(LATEST, minCount), since ?? null],
  });
  const { lateP99Ms, ...figures } = rows[0] as Row;
  const none = { compared: 0, different: 0 };
  const differences = (await differencesOf?.(db, { topic, lane, since: figures.since })) ?? none;
  return { ...figures, ...differences, lateP99Ms: lateP99Ms ?? undefined };
}

/** Which limit the figures are above, in words; nothing where they are not, or too few to say. */
export function limitCrossed(limits: LaneLimits, figures: LaneFigures): string | undefined {
  const { landed, failed, timed, lateP99Ms = 0, compared, different } = figures;
  const rates: [string, number, number, number][] = [
    ['error rate', failed, landed + failed, limits.errorRate],
    ['difference rate', different, compared, limits.differenceRate],
  ];
  for (const [what, some, all, limit] of rates) {
    if (all < limits.minCount || some / all <= limit) continue;
    return `${what} ${percent(some / all)} of ${all} in ${figures.seconds} s is above ${percent(limit)}`;
  }
  if (timed < limits.minCount || lateP99Ms <= limits.lateP99Ms) return undefined;
  return `late p99 ${Math.ceil(lateP99Ms)} ms of ${timed} in ${figures.seconds} s is above ${limits.lateP99Ms} ms`;
}

const percent = (rate: number) => `${Number((rate * 100).toFixed(2))} %`;
