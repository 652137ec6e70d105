import type { Queryable } from '../database';
import { WORKER_IS_WELL } from '../hold/worker-registry';
import { type LaneBoard, type MalformedRule, readBoards } from './board';
import { type LaneLimits, type LaneMode, type LaneRamp, type LaneRule, laneLimits, STABLE } from './lane';

/** What a lane has done in the last `windowSeconds`: its limits' window. `lateP99Ms`: none where nothing landed. */
export interface LaneFigures {
  windowSeconds: number;
  landed: number;
  failed: number;
  lateP99Ms?: number;
}

/** A lane as it is now. `unset`: workers serve it, and nobody has set it. */
export interface LaneState extends LaneFigures {
  lane: string;
  mode: LaneMode | 'unset';
  workers: number;
  builds: string[];
  limits?: LaneLimits;
  ramp?: LaneRamp;
}

/** A topic's lanes, stable first, and the rules of all of them in the order in which they are asked. */
export interface TopicLanes {
  topic: string;
  version: number;
  lanes: LaneState[];
  rules: LaneRule[];
  malformed: MalformedRule[];
}

/** These topics' lanes; without them, of the given ones and all others that have any. */
export async function lanesOf(db: Queryable, installed: string[], only?: string): Promise<TopicLanes[]> {
  const topics = only === undefined ? [...new Set([...installed, ...(await topicsWithLanes(db))])] : [only];
  const boards = await readBoards(db, topics);
  const workers = await liveWorkers(db);
  return Promise.all(
    boards.map(async (board) => {
      const names = [STABLE, ...new Set([...board.lanes.keys(), ...board.served])];
      const lanes = names.sort(stableFirst).map((lane) => stateOf(db, board, lane, workers));
      const { topic, version, rules, malformed } = board;
      return { topic, version, lanes: await Promise.all(lanes), rules, malformed };
    }),
  );
}

const stableFirst = (one: string, two: string) =>
  Number(two === STABLE) - Number(one === STABLE) || one.localeCompare(two);

async function topicsWithLanes(db: Queryable): Promise<string[]> {
  const { rows } = await db.query<{ topic: string }>('select topic from postdate.lane_version order by topic');
  return rows.map(({ topic }) => topic);
}

interface LiveWorker {
  lane: string;
  topics: string[] | null;
  build: string | null;
}

async function liveWorkers(db: Queryable): Promise<LiveWorker[]> {
  const { rows } = await db.query<LiveWorker>(
    `select lane, topics, build from postdate.worker where ${WORKER_IS_WELL} order by build`,
  );
  return rows;
}

async function stateOf(db: Queryable, board: LaneBoard, lane: string, workers: LiveWorker[]): Promise<LaneState> {
  // One of a release without lanes says of no topic that it lands it, and lands all of its installation.
  const own = workers.filter((one) => one.lane === lane && (one.topics?.includes(board.topic) ?? true));
  const known = board.lanes.get(lane);
  const { windowSeconds } = known?.limits ?? laneLimits.parse({});
  return {
    lane,
    mode: lane === STABLE ? 'live' : (known?.mode ?? 'unset'),
    workers: own.length,
    builds: [...new Set(own.flatMap(({ build }) => build ?? []))],
    limits: known?.limits,
    ramp: known?.ramp,
    ...(await figuresOf(db, board.topic, lane, windowSeconds)),
  };
}

async function figuresOf(db: Queryable, topic: string, lane: string, windowSeconds: number): Promise<LaneFigures> {
  const { rows } = await db.query<{ landed: number; late_p99_ms: number | null; failed: number }>(
    // What stable has landed has no index of its own; that of all decisions by their time leaves the window.
    `select (count(*) filter (where outcome <> 'failed'))::float8 as landed,
            -- what was due before it was posted says nothing of the lane
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
