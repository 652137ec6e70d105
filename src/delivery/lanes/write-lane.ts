import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { type LaneLimits, type LaneMatch, type LaneMode, type LaneRamp, laneLimits, laneMatch } from './lane';
import type { PercentMatch } from './percent-rule';
import { readRoutingTable } from './routing-table';

/** Changes of a lane. An absent field stays as it is; a new lane is live. */
export interface LanePatch {
  mode?: LaneMode;
  /**
   * Replaces the lane's rules. `first`: before all other rules of the topic; otherwise a new lane's rules come last.
   */
  rules?: LaneMatch[];
  first?: boolean;
  /** Raises the lane's percentage rule; its other rules stay as they are. */
  percent?: PercentMatch;
  limits?: Partial<LaneLimits>;
  /** `null` ends a ramp. */
  ramp?: LaneRamp | null;
}

/** Inserts a lane, or changes the fields of it that the patch has. */
export async function writeLane(
  tx: Queryable,
  topic: string,
  lane: string,
  { mode, limits, ramp }: LanePatch,
): Promise<void> {
  const current = (await readRoutingTable(tx, topic)).lanes.get(lane);
  const next = {
    mode: mode ?? current?.mode ?? 'live',
    limits: laneLimits.parse({ ...current?.limits, ...limits }),
    ramp: ramp === undefined ? current?.ramp : (ramp ?? undefined),
  };
  await tx.query(
    `insert into postdate.lane (topic, lane, mode, limits, ramp) values ($1, $2, $3, $4, $5)
     on conflict (topic, lane) do update set mode = excluded.mode, limits = excluded.limits, ramp = excluded.ramp`,
    [topic, lane, next.mode, JSON.stringify(next.limits), next.ramp ? JSON.stringify(next.ramp) : null],
  );
}

/** Replaces the rules of a lane. `first`: before all other rules of the topic. */
export async function writeRules(
  tx: Queryable,
  { topic, lane, author, reason }: { topic: string; lane: string; author: string; reason: string },
  rules: LaneMatch[],
  first: boolean,
): Promise<void> {
  const matches = rules.map((match) => JSON.stringify(laneMatch.parse(match)));
  const { rows } = await tx.query<{ place: number }>(
    // A lane that has rules keeps its place among the other lanes, unless its rules are to be the first.
    `select case when $3 then coalesce(min(place), 1) - 1
                 else coalesce(min(place) filter (where lane = $2), max(place) + 1, 1) end as place
       from postdate.lane_rule where topic = $1`,
    [topic, lane, first],
  );
  await tx.query('delete from postdate.lane_rule where topic = $1 and lane = $2', [topic, lane]);
  await tx.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     select $1, $2, $3, match, $4, $5 from unnest($6::jsonb[]) with ordinality as given (match, nth) order by nth`,
    [topic, rows[0]?.place, lane, storable(reason), storable(author), matches],
  );
}
