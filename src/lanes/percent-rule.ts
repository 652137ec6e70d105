import type { Queryable } from '../database';
import { storable } from '../storable';
import { readBoard } from './board';
import { type LaneMatch, laneMatch } from './lane';

export type PercentMatch = Extract<LaneMatch, { percent: number }>;

/**
 * Raises a lane's rule of a percentage where it stands, with whose it is and why; never lowers it. A lane without one gets
 * one after its others. Those stay as they are, also one that cannot be read.
 */
export async function raisePercent(
  tx: Queryable,
  { topic, lane, author, reason }: { topic: string; lane: string; author: string; reason: string },
  wanted: PercentMatch,
): Promise<void> {
  const { percent, by } = wanted;
  const match = (of: number) => JSON.stringify(laneMatch.parse({ percent: of, by }));
  const { rules } = await readBoard(tx, topic);
  for (const { id, lane: whose, match: known } of rules) {
    if (whose !== lane || !('percent' in known) || known.by !== by) continue;
    const values = [id, match(Math.max(known.percent, percent))];
    await tx.query('update postdate.lane_rule set match = $2, set_at = clock_timestamp() where id = $1', values);
    return;
  }
  await tx.query(
    `insert into postdate.lane_rule (topic, place, lane, match, reason, author)
     select $1, coalesce(max(place) filter (where lane = $2), max(place) + 1, 1), $2, $3, $4, $5
       from postdate.lane_rule where topic = $1`,
    [topic, lane, match(percent), storable(reason), storable(author)],
  );
}
