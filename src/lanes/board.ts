import type { Queryable } from '../database';
import { WORKER_IS_WELL } from '../hold/worker-registry';
import { type Lane, type LaneMode, type LaneRule, laneLimits, laneMatch, laneRamp, STABLE } from './lane';

/** A rule that nobody can obey, and why. It is skipped, and never in anybody's way. */
export interface MalformedRule {
  id: number;
  lane: string;
  why: string;
}

/** A topic's lanes and rules at one version, and which lanes have a live worker. */
export interface LaneBoard {
  topic: string;
  version: number;
  lanes: Map<string, Lane>;
  rules: LaneRule[];
  malformed: MalformedRule[];
  served: Set<string>;
}

export const emptyBoard = (topic: string): LaneBoard => ({
  topic,
  version: 0,
  lanes: new Map(),
  rules: [],
  malformed: [],
  served: new Set(),
});

/** Reads the boards of these topics as they are at one instant. One that has never had a lane is empty, at version 0. */
export async function readBoards(db: Queryable, topics: string[]): Promise<LaneBoard[]> {
  const { rows } = await db.query<BoardRow>({
    name: 'postdate.lane-boards',
    // One statement: a version with the rules of another would be obeyed as if they belonged together.
    text: `select given.topic, coalesce(lane_version.version, 0)::float8 as version,
            (select coalesce(jsonb_agg(to_jsonb(one)), '[]') from postdate.lane as one where one.topic = given.topic) as lanes,
            (select coalesce(jsonb_agg(to_jsonb(lane_rule) order by place, id), '[]')
               from postdate.lane_rule where lane_rule.topic = given.topic) as rules,
            (select coalesce(jsonb_agg(distinct worker.lane), '[]') from postdate.worker
              where given.topic = any(worker.topics) and worker.lane <> '${STABLE}' and ${WORKER_IS_WELL}) as served
       from unnest($1::text[]) as given (topic) left join postdate.lane_version using (topic)`,
    values: [topics],
  });
  return rows.map(boardOf);
}

/** Reads the board of one topic. */
export const readBoard = async (db: Queryable, topic: string): Promise<LaneBoard> =>
  (await readBoards(db, [topic]))[0] ?? emptyBoard(topic);

interface BoardRow {
  topic: string;
  version: number;
  lanes: { topic: string; lane: string; mode: LaneMode; limits: unknown; ramp: unknown }[];
  rules: { id: number; place: number; lane: string; match: unknown; reason: string; author: string }[];
  served: string[];
}

function boardOf({ topic, version, lanes: laneRows, rules: ruleRows, served }: BoardRow): LaneBoard {
  const lanes = new Map(laneRows.map((row) => [row.lane, laneOf(row)]));
  const rules: LaneRule[] = [];
  const malformed: MalformedRule[] = [];
  for (const { id, place, lane, match, reason, author } of ruleRows) {
    const parsed = laneMatch.safeParse(match);
    if (lane !== STABLE && !lanes.has(lane)) malformed.push({ id, lane, why: `there is no lane ${lane}` });
    else if (!parsed.success) malformed.push({ id, lane, why: 'its match cannot be read' });
    else rules.push({ id, place, lane, match: parsed.data, reason, author });
  }
  return { topic, version, lanes, rules, malformed, served: new Set(served) };
}

/** Limits and a ramp that somebody has spoilt by hand must not keep the lane from being stopped: the default ones hold, and none. */
function laneOf({ topic, lane, mode, limits, ramp }: BoardRow['lanes'][number]): Lane {
  const parsed = laneLimits.safeParse(limits);
  return {
    topic,
    lane,
    mode,
    limits: parsed.success ? parsed.data : laneLimits.parse({}),
    ramp: laneRamp.safeParse(ramp).data,
  };
}
