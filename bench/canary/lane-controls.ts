import type { Pool } from 'pg';
import { changeLane } from '../../src/delivery/lanes/change-lane';
import type { LanePatch } from '../../src/delivery/lanes/write-lane';
import { landedIn } from './round-records';
import { type CanaryRound, type LaneControls, TENANTS } from './rounds';
import { TOPIC } from './topic';

/** Changes one lane; returns the change's id. */
export type Change = (what: 'set' | 'stop', wish: LanePatch) => Promise<number>;

export const changesOf =
  (pool: Pool, { title: reason }: CanaryRound, lane: string): Change =>
  async (what, wish) => {
    const changed = await changeLane(pool, { topic: TOPIC, lane, what, author: 'bench', reason }, wish);
    if (changed.result !== 'changed') throw new Error(`${lane}: somebody else changes its rules`);
    return changed.changeId;
  };

export const rulesFor = (tenants: string[]) => (tenants.length > 0 ? [{ tenants }] : []);

// The share of the messages after which the lane guard may judge a lane, for any number of messages.
const JUDGED_SHARE = 0.2;

/** The lane guard's default limits, except for the least number of messages. */
export const limitsFor = (messages: number, { tenants }: CanaryRound) => ({
  minCount: Math.max(1, Math.floor((messages / TENANTS.length) * tenants * JUDGED_SHARE)),
});

export const laneControlsOf = (
  pool: Pool,
  { lane, chosen, kill, change }: { lane: string; chosen: string[]; kill(): void; change: Change },
): LaneControls => ({
  kill,
  rule: (whom) => change('set', { rules: rulesFor(whom === 'nobody' ? [] : chosen) }),
  stop: () => change('stop', { mode: 'stopped' }),
  landed: () => landedIn(pool, lane),
});
