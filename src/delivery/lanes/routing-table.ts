import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { type Lane, type LaneMode, type LaneRule, laneLimits, laneMatch, laneRamp } from './lane';

/** A rule that cannot be applied, and why. Workers skip it, and it blocks no other rule. */
export interface MalformedRule {
  id: number;
  lane: string;
  why: string;
}

/** A topic's lanes and rules at one version. `servedLanes`: the named lanes that have a live worker. */
export interface RoutingTable {
  topic: string;
  version: number;
  lanes: Map<string, Lane>;
  /** In the order in which they are tried. */
  rules: LaneRule[];
  malformed: MalformedRule[];
  servedLanes: Set<string>;
}

export const emptyRoutingTable = (topic: string): RoutingTable => ({
  topic,
  version: 0,
  lanes: new Map(),
  rules: [],
  malformed: [],
  servedLanes: new Set(),
});

/**
 * Reads the routing tables of these topics at one instant. A topic that never had a lane has an empty one, at version
 * 0.
 */
export async function readRoutingTables(db: Queryable, topics: string[]): Promise<RoutingTable[]> {
  const { rows } = await db.query<RoutingTableRow>({
    name: 'postdate.lane-routing',
    // One statement: with two, the rules of one version could be read with the number of another.
    text: `select given.topic, coalesce(lane_version.version, 0)::float8 as version,
            (select coalesce(jsonb_agg(to_jsonb(one)), '[]') from postdate.lane as one where one.topic = given.topic) as lanes,
            (select coalesce(jsonb_agg(to_jsonb(lane_rule) order by place, id), '[]')
               from postdate.lane_rule where lane_rule.topic = given.topic) as rules,
            (select coalesce(jsonb_agg(distinct worker.lane), '[]') from postdate.worker
              where given.topic = any(worker.topics) and worker.lane <> '${STABLE}' and ${WORKER_IS_WELL}) as served
       from unnest($1::text[]) as given (topic) left join postdate.lane_version using (topic)`,
    values: [topics],
  });
  return rows.map(routingTableOf);
}

/** Reads the routing table of one topic. */
export const readRoutingTable = async (db: Queryable, topic: string): Promise<RoutingTable> =>
  (await readRoutingTables(db, [topic]))[0] ?? emptyRoutingTable(topic);

interface RoutingTableRow {
  topic: string;
  version: number;
  lanes: { topic: string; lane: string; mode: LaneMode; limits: unknown; ramp: unknown }[];
  rules: { id: number; place: number; lane: string; match: unknown; reason: string; author: string }[];
  served: string[];
}

function routingTableOf({ topic, version, lanes: laneRows, rules: ruleRows, served }: RoutingTableRow): RoutingTable {
  const lanes = new Map(laneRows.map((row) => [row.lane, laneOf(row)]));
  const rules: LaneRule[] = [];
  const malformed: MalformedRule[] = [];
  for (const { id, place, lane, match, reason, author } of ruleRows) {
    const parsed = laneMatch.safeParse(match);
    if (lane !== STABLE && !lanes.has(lane)) malformed.push({ id, lane, why: `there is no lane ${lane}` });
    else if (!parsed.success) malformed.push({ id, lane, why: 'its match cannot be read' });
    else rules.push({ id, place, lane, match: parsed.data, reason, author });
  }
  return { topic, version, lanes, rules, malformed, servedLanes: new Set(served) };
}

/**
 * A lane must be stoppable even if its limits or its ramp were spoilt by hand in the database. It then gets the default
 * limits, and no ramp.
 */
function laneOf({ topic, lane, mode, limits, ramp }: RoutingTableRow['lanes'][number]): Lane {
  const parsed = laneLimits.safeParse(limits);
  return {
    topic,
    lane,
    mode,
    limits: parsed.success ? parsed.data : laneLimits.parse({}),
    ramp: laneRamp.safeParse(ramp).data,
  };
}
