import type { Queryable } from '../../platform/database/pool';
import { storable } from '../../platform/database/storable';
import { type LaneMatch, laneMatch } from './lane';
import { readRoutingTable } from './routing-table';

export type PercentMatch = Extract<LaneMatch, { percent: number }>;

/**
 * Raises a lane's percentage rule in its place, and keeps its author and reason. Never lowers it. A lane without a
 * percentage rule gets one after its other rules, which stay as they are, even malformed ones.
 */
export async function raisePercent(
  tx: Queryable,
  { topic, lane, author, reason }: { topic: string; lane: string; author: string; reason: string },
  target: PercentMatch,
): Promise<void> {
  const { percent, by } = target;
  const matchOf = (value: number) => JSON.stringify(laneMatch.parse({ percent: value, by }));
  const { rules } = await readRoutingTable(tx, topic);
  for (const { id, lane: laneOfRule, match } of rules) {
    if (laneOfRule !== lane || !('percent' in match) || match.by !== by) continue;
    const values = [id, matchOf(Math.max(match.percent, percent))];
    await tx.query('update postdate.lane_rule set match = $2, set_at = clock_timestamp() where id = $1', values);
    return;
  }
  await tx.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     select $1, coalesce(max(place) filter (where lane = $2), max(place) + 1, 1), $2, $3, $4, $5
       from postdate.lane_rule where topic = $1`,
    [topic, lane, matchOf(percent), storable(reason), storable(author)],
  );
}
