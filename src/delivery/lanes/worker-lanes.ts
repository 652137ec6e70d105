import type { Pool } from 'pg';
import type { Delivery } from '../../message/contract';
import { STABLE } from '../../message/lane-name';
import { type BackgroundLoop, runInBackground, UNTIL_NUDGED_MS } from '../../platform/loops/background-loop';
import type { Topic } from '../../topics/topic';
import { chooseLane, type LaneChoice } from './choose-lane';
import { emptyRoutingTable, type RoutingTable, readRoutingTables } from './routing-table';

// The interval of the workers' heartbeats.
const REFRESH_MS = 500;

/** The lanes of a worker's topics, as last read from the database, and the lane that the worker serves. */
export interface WorkerLanes {
  ownLane: string;
  routing(topic: string): RoutingTable;
  /** Chooses a message's lane by the last read routing table. A message that came back from a lane stays in stable. */
  choose(delivery: Delivery): LaneChoice;
  /** Reads the routing tables again; true if one has changed since. Reads nothing while no topic has ever had a lane. */
  refresh(): Promise<boolean>;
  /** Whether one of the topics has a lane, or had one. */
  any(): boolean;
  /** Tells it whether one has. What was given to `onAny` is called when that becomes true. */
  setAny(any: boolean): void;
  onAny(call: () => void): void;
}

export function createWorkerLanes(pool: Pool, topics: Pick<Topic, 'name'>[], ownLane = STABLE): WorkerLanes {
  const names = topics.map(({ name }) => name);
  let any = true;
  const callers: (() => void)[] = [];
  let routings = new Map(names.map((name) => [name, emptyRoutingTable(name)]));
  const routing = (topic: string) => routings.get(topic) ?? emptyRoutingTable(topic);
  const fingerprint = ({ version, servedLanes }: RoutingTable) => `${version} ${[...servedLanes].sort().join()}`;
  return {
    ownLane,
    routing,
    choose({ message, cameBackFrom }) {
      if (cameBackFrom) return { lane: STABLE, reason: `${cameBackFrom} did not land it` };
      return chooseLane(routing(message.topic), message, ownLane);
    },
    any: () => any,
    setAny(now) {
      const before = any;
      any = now;
      if (now && !before) for (const call of callers) call();
    },
    onAny: (call) => void callers.push(call),
    async refresh() {
      if (!any) return false;
      const latest = await readRoutingTables(pool, names);
      const changed = latest.some((one) => fingerprint(one) !== fingerprint(routing(one.topic)));
      routings = new Map(latest.map((one) => [one.topic, one]));
      return changed;
    },
  };
}

/**
 * Keeps the lanes up to date. After a change, the hold sends messages that now belong to another lane there, if time
 * allows.
 */
export const startLaneRefresh = (
  lanes: WorkerLanes,
  hold: { reroute(): void },
  { onError }: { onError(error: unknown): void },
): BackgroundLoop => {
  const refresh = async () => {
    if (await lanes.refresh()) hold.reroute();
    return 'idle' as const;
  };
  const loop = runInBackground(refresh, { pauseMs: () => (lanes.any() ? REFRESH_MS : UNTIL_NUDGED_MS), onError });
  lanes.onAny(loop.nudge);
  return loop;
};
