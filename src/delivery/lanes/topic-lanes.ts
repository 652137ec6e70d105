import { STABLE } from '../../message/lane-name';
import type { Queryable } from '../../platform/database/pool';
import { WORKER_IS_WELL } from '../../platform/database/worker-registry';
import { type LaneLimits, type LaneMode, type LaneRamp, type LaneRule, laneLimits } from './lane';
import { type MalformedRule, type RoutingTable, readRoutingTables } from './routing-table';

/**
 * What a lane has done in the last `windowSeconds`, the window of its limits. `landed` and `failed` count messages.
 * `lateP99Ms` is absent if nothing landed.
 */
export interface LaneWindowFigures {
  windowSeconds: number;
  landed: number;
  failed: number;
  lateP99Ms?: number;
}

/** A lane now. Mode `unset`: workers serve the lane, but no operator has set it. */
export interface LaneState extends LaneWindowFigures {
  lane: string;
  mode: LaneMode | 'unset';
  workers: number;
  builds: string[];
  limits?: LaneLimits;
  ramp?: LaneRamp;
}

/** A topic's lanes, stable first, and all rules in the order in which they are tried. */
export interface TopicLanes {
  topic: string;
  version: number;
  lanes: LaneState[];
  rules: LaneRule[];
  malformed: MalformedRule[];
}

/** Reads the lanes of the topic `only`; without it, of the installed topics and of all others that have lanes. */
export async function readTopicLanes(db: Queryable, installed: string[], only?: string): Promise<TopicLanes[]> {
  const topics = only === undefined ? [...new Set([...installed, ...(await readTopicsWithLanes(db))])] : [only];
  const routings = await readRoutingTables(db, topics);
  const workers = await readLiveWorkers(db);
  return Promise.all(
    routings.map(async (routing) => {
      const names = [STABLE, ...new Set([...routing.lanes.keys(), ...routing.servedLanes])];
      const lanes = names.sort(stableFirst).map((lane) => readLaneState(db, routing, lane, workers));
      const { topic, version, rules, malformed } = routing;
      return { topic, version, lanes: await Promise.all(lanes), rules, malformed };
    }),
  );
}

const stableFirst = (one: string, two: string) =>
  Number(two === STABLE) - Number(one === STABLE) || one.localeCompare(two);

async function readTopicsWithLanes(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ topic: string }>('select topic from postdate.lane_version order by topic');
  return rows.map(({ topic }) => topic);
}

interface LiveWorker {
  lane: string;
  topics: string[] | null;
  build: string | null;
}

async function readLiveWorkers(db: Queryable): Promise<LiveWorker[]> {
  const { rows } = await db.query<LiveWorker>(
    `select lane, topics, build from postdate.worker where ${WORKER_IS_WELL} order by build`,
  );
  return rows;
}

async function readLaneState(
  db: Queryable,
  routing: RoutingTable,
  lane: string,
  workers: LiveWorker[],
): Promise<LaneState> {
  // A worker of a release without lanes lists no topics, and lands all of its installation.
  const ownWorkers = workers.filter((one) => one.lane === lane && (one.topics?.includes(routing.topic) ?? true));
  const laneRow = routing.lanes.get(lane);
  const { windowSeconds } = laneRow?.limits ?? laneLimits.parse({});
  return {
    lane,
    mode: lane === STABLE ? 'live' : (laneRow?.mode ?? 'unset'),
    workers: ownWorkers.length,
    builds: [...new Set(ownWorkers.flatMap(({ build }) => build ?? []))],
    limits: laneRow?.limits,
    ramp: laneRow?.ramp,
    ...(await readWindowFigures(db, routing.topic, lane, windowSeconds)),
  };
}

async function readWindowFigures(
  db: Queryable,
  topic: string,
  lane: string,
  windowSeconds: number,
): Promise<LaneWindowFigures> {
  const { rows } = await db.query<{ landed: number; late_p99_ms: number | null; failed: number }>(
    // Stable's landings have no index of their own; the index of all decisions by time still limits this to the window.
    `select (count(*) filter (where outcome <> 'failed'))::float8 as landed,
            -- a message that was due before it was posted says nothing about the lane
            (percentile_cont(0.99) within group (order by extract(epoch from decided_at - due_at) * 1000)
              filter (where not late))::float8 as late_p99_ms,
            (count(*) filter (where outcome = 'failed'))::float8
              + (select count(*) from postdate.lane_failure
                  where topic = $1 and lane = $2
                    and failed_at > statement_timestamp() - make_interval(secs => $3))::float8 as failed
       from postdate.delivery
      where topic = $1 and lane = $2 and decided_at > statement_timestamp() - make_interval(secs => $3)`,
    [topic, lane, windowSeconds],
  );
  const { landed = 0, failed = 0, late_p99_ms } = rows[0] ?? {};
  return { windowSeconds, landed, failed, lateP99Ms: late_p99_ms === null ? undefined : Math.round(late_p99_ms ?? 0) };
}
