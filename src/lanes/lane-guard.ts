import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { type BackgroundLoop, runInBackground } from '../background-loop';
import type { LaneMetrics } from '../lane-metrics';
import { takeTurn } from '../turn';
import { type LaneBoard, readBoards } from './board';
import { changeLane } from './change';
import { type DifferencesOf, limitCrossed, readFigures } from './health';
import type { Lane } from './lane';
import { LANE_GUARD, tellLaneStopped } from './lane-stopped';
import { stepWhileHealthy } from './ramp-step';

// A lane that goes wrong does so at every message; a second more or less of it is what a look costs.
const LOOK_MS = 1_000;

export interface LaneGuardDeps {
  pool: Pool;
  metrics: Pick<LaneMetrics, 'laneKnown' | 'laneStopped' | 'malformedLaneRules'>;
  log: Pick<Logger, 'info' | 'warn'>;
  /** Of lanes in shadow mode. */
  differencesOf?: DifferencesOf;
  onError(error: unknown): void;
}

/**
 * Stops lanes that are above one of their limits, and takes the steps of ramps while lanes are healthy: every second, for each
 * topic one worker at a time. An operator who changes the topic's lanes at the same moment comes first; the next look sees it.
 */
export function startLaneGuard(deps: LaneGuardDeps, topics: string[]): BackgroundLoop {
  const { pool, metrics, onError } = deps;
  async function look(): Promise<'idle'> {
    for (const board of await readBoards(pool, topics)) {
      // By every worker: a gauge that only the last to have the turn has set would tell of the past elsewhere.
      metrics.malformedLaneRules(board.topic, board.malformed.length);
      for (const lane of board.lanes.keys()) metrics.laneKnown(board.topic, lane);
      if (watchedOf(board).length > 0 && (await takeTurn(pool, `lane-guard:${board.topic}`, LOOK_MS))) {
        await guardLanes(deps, board);
      }
    }
    return 'idle';
  }
  return runInBackground(look, { pauseMs: LOOK_MS, onError });
}

const watchedOf = ({ lanes }: LaneBoard): Lane[] => [...lanes.values()].filter(({ mode }) => mode !== 'stopped');

/** Looks at each lane of a board once. One that cannot be looked at is in no other's way. */
export async function guardLanes(deps: LaneGuardDeps, board: LaneBoard): Promise<void> {
  for (const lane of watchedOf(board)) await guardLane(deps, board, lane).catch(deps.onError);
}

async function guardLane({ pool, metrics, log, differencesOf }: LaneGuardDeps, board: LaneBoard, of: Lane) {
  const { topic, lane, limits, mode } = of;
  const figures = await readFigures(pool, of, limits, { differencesOf });
  const reason = limitCrossed(limits, figures);
  if (reason === undefined) {
    const percent = mode === 'live' && (await stepWhileHealthy(pool, board, of, { now: figures.now, differencesOf }));
    if (percent) log.info({ topic, lane, percent }, 'lane ramped');
    return;
  }
  const { result } = await changeLane(
    pool,
    { topic, lane, what: 'stop', author: LANE_GUARD, reason, ifVersion: board.version },
    { mode: 'stopped', ramp: null },
    (tx, changeId) => tellLaneStopped(tx, of, { changeId, reason }),
  );
  if (result === 'overtaken') return;
  metrics.laneStopped(topic, lane);
  log.warn({ topic, lane, reason }, 'lane stopped');
}
