import type { Pool } from 'pg';
import { changeLane } from '../../src/delivery/lanes/change-lane';
import { guardLanes, type LaneGuardDeps } from '../../src/delivery/lanes/lane-guard';
import { readRoutingTable } from '../../src/delivery/lanes/routing-table';
import type { LanePatch } from '../../src/delivery/lanes/write-lane';

/** A lane of a topic of a test's own, and what has become of messages in it. */
export interface TestLane {
  topic: string;
  lane: string;
}

/** An operator's change of a lane. */
export const setLane = (pool: Pool, { topic, lane }: TestLane, wish: LanePatch, what: 'set' | 'ramp' = 'set') =>
  changeLane(pool, { topic, lane, what, author: 'ann', reason: 'a trial' }, wish);

/** Messages that have landed in the lane now, or so many seconds ago, each so late. */
export const landed = (
  pool: Pool,
  { topic, lane }: TestLane,
  messages: number,
  { lateMs = 1, secondsAgo = 0, late = false } = {},
) =>
  pool.query(
    `insert into postdate.delivery (topic, tenant, key, cycle, outcome, due_at, decided_at, late, lane)
     select $1, 'acme', gen_random_uuid(), 1, 'delivered', at - make_interval(secs => $4), at, $6, $2
       from generate_series(1, $3), (values (clock_timestamp() - make_interval(secs => $5))) as given (at)`,
    [topic, lane, messages, lateMs / 1_000, secondsAgo, late],
  );

/** Messages that the lane has failed, which stable then landed. */
export const failed = (pool: Pool, { topic, lane }: TestLane, messages: number, { secondsAgo = 0 } = {}) =>
  pool.query(
    `insert into postdate.lane_failure (topic, lane, tenant, key, cycle, why, failed_at)
     select $1, $2, 'acme', gen_random_uuid(), 1, 'it threw', clock_timestamp() - make_interval(secs => $4)
       from generate_series(1, $3)`,
    [topic, lane, messages, secondsAgo],
  );

/** What a lane guard tells operators, and how to have it look once at a topic's lanes, whose turn ever it is. */
export function testLaneGuard(pool: Pool, options: Partial<LaneGuardDeps> = {}) {
  const told: [string, object][] = [];
  const counted: unknown[][] = [];
  const errors: unknown[] = [];
  const count =
    (name: string) =>
    (...values: unknown[]) =>
      void counted.push([name, ...values]);
  const deps: LaneGuardDeps = {
    pool,
    metrics: {
      declareLane: count('known'),
      laneStopped: count('stopped'),
      malformedLaneRules: count('malformed'),
    },
    log: {
      info: (fields: object, words: string) => void told.push([words, fields]),
      warn: (fields: object, words: string) => void told.push([words, fields]),
    } as LaneGuardDeps['log'],
    onError: (error) => void errors.push(error),
    ...options,
  };
  const look = async (topic: string) => guardLanes(deps, await readRoutingTable(pool, topic));
  return { deps, told, counted, errors, look };
}
