import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { acquireLease } from '../../platform/database/lease';
import { type BackgroundLoop, runInBackground, UNTIL_NUDGED_MS } from '../../platform/loops/background-loop';
import type { LaneMetrics } from '../../platform/telemetry/lane-metrics';
import { changeLane } from './change-lane';
import { type CountDifferences, exceededLimit, readFigures } from './health';
import type { Lane } from './lane';
import { emitLaneStopped, LANE_GUARD } from './lane-stopped';
import { stepRampIfHealthy } from './ramp-step';
import { type RoutingTable, readRoutingTables } from './routing-table';
import type { WorkerLanes } from './worker-lanes';

// A bad lane fails at every message. One round costs a few reads, so the lane is stopped within about a second.
const ROUND_MS = 1_000;

export interface LaneGuardDeps {
  pool: Pool;
  metrics: Pick<LaneMetrics, 'declareLane' | 'laneStopped' | 'malformedLaneRules'>;
  log: Pick<Logger, 'info' | 'warn'>;
  /** Counts the differences of lanes in shadow mode; absent: they are not guarded for differences. */
  countDifferences?: CountDifferences;
  /** Absent: any topic may have a lane. */
  lanes?: Pick<WorkerLanes, 'any' | 'onAny'>;
  onError(error: unknown): void;
}

/**
 * Stops lanes that exceed one of their limits, and takes the steps of ramps while lanes are healthy: every second, one
 * worker at a time for each topic. If an operator changes the topic's lanes at the same moment, that change wins; the
 * next round sees it.
 */
export function startLaneGuard(deps: LaneGuardDeps, topics: string[]): BackgroundLoop {
  const { pool, metrics, lanes, onError } = deps;
  const isAny = () => lanes === undefined || lanes.any();
  async function guardOnce(): Promise<'idle'> {
    if (!isAny()) return 'idle';
    for (const routing of await readRoutingTables(pool, topics)) {
      // Every worker sets the gauge: set only by the worker with the lease, it would be out of date in the others.
      metrics.malformedLaneRules(routing.topic, routing.malformed.length);
      for (const lane of routing.lanes.keys()) metrics.declareLane(routing.topic, lane);
      if (guardedLanesOf(routing).length > 0 && (await acquireLease(pool, `lane-guard:${routing.topic}`, ROUND_MS))) {
        await guardLanes(deps, routing);
      }
    }
    return 'idle';
  }
  const loop = runInBackground(guardOnce, { pauseMs: () => (isAny() ? ROUND_MS : UNTIL_NUDGED_MS), onError });
  lanes?.onAny(loop.nudge);
  return loop;
}

const guardedLanesOf = ({ lanes }: RoutingTable): Lane[] =>
  [...lanes.values()].filter(({ mode }) => mode !== 'stopped');

/** Checks each lane of a routing table once. If one check fails, the others still run. */
export async function guardLanes(deps: LaneGuardDeps, routing: RoutingTable): Promise<void> {
  for (const lane of guardedLanesOf(routing)) await guardLane(deps, routing, lane).catch(deps.onError);
}

async function guardLane(
  { pool, metrics, log, countDifferences }: LaneGuardDeps,
  routing: RoutingTable,
  guarded: Lane,
) {
  const { topic, lane, limits, mode } = guarded;
  const figures = await readFigures(pool, guarded, limits, { countDifferences });
  const reason = exceededLimit(limits, figures);
  if (reason === undefined) {
    const percent =
      mode === 'live' && (await stepRampIfHealthy(pool, routing, guarded, { now: figures.now, countDifferences }));
    if (percent) log.info({ topic, lane, percent }, 'lane ramped');
    return;
  }
  const { result } = await changeLane(
    pool,
    { topic, lane, what: 'stop', author: LANE_GUARD, reason, ifVersion: routing.version },
    { mode: 'stopped', ramp: null },
    (tx, changeId) => emitLaneStopped(tx, guarded, { changeId, reason }),
  );
  if (result === 'overtaken') return;
  metrics.laneStopped(topic, lane);
  log.warn({ topic, lane, reason }, 'lane stopped');
}
