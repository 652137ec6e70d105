import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { STABLE } from '../lane-name';
import type { Topic } from '../topic';
import type { LaneBoard } from './board';
import { matches, ruleFor } from './choose';
import { eachWaiting, type LookLimits, type WaitingMessage } from './waiting-messages';

const SHOWN_TENANTS = 20;

/** What a lane would have of the messages that wait, if nothing else changed until they are due. */
export interface DryRun {
  /** In all. */
  waiting: number;
  /** As far as they were looked at: the figures below are of these. Fewer than `waiting` where those are too many. */
  lookedAt: number;
  /** That the lane would take; those that a rule before takes elsewhere are not its. A shadow lane takes none and copies these. */
  caught: number;
  /** That stable has now and would not have then. */
  leaveStable: number;
  /** Whose they are, the most first; at most 20 of `tenantsCaught`. */
  tenants: { tenant: string; waiting: number }[];
  tenantsCaught: number;
}

/** Counts what a lane would catch by the board `after`, of what waits; `asked` is told of the progress. */
export async function dryRun(
  deps: { client: Client; pool: Pool },
  topic: Topic,
  lane: string,
  { before, after }: { before: LaneBoard; after: LaneBoard },
  options: { limits?: LookLimits; asked?(messages: number): void } = {},
): Promise<DryRun> {
  const catches = catcherOf(after, lane);
  const found = { lookedAt: 0, caught: 0, leaveStable: 0 };
  const byTenant = new Map<string, number>();
  const isStables = (board: LaneBoard, message: WaitingMessage) => (ruleFor(board, message)?.lane ?? STABLE) === STABLE;
  const count = (message: WaitingMessage) => {
    const { tenant, messages } = message;
    found.lookedAt += messages;
    if (isStables(before, message) && !isStables(after, message)) found.leaveStable += messages;
    if (!catches(message)) return;
    found.caught += messages;
    byTenant.set(tenant, (byTenant.get(tenant) ?? 0) + messages);
  };
  const asked = [...before.rules, ...after.rules].map(({ match }) => match);
  const { waiting = found.lookedAt } = await eachWaiting(deps, topic, asked, count, options);
  const tenants = [...byTenant].map(([tenant, waitingOf]) => ({ tenant, waiting: waitingOf }));
  tenants.sort((one, two) => two.waiting - one.waiting || one.tenant.localeCompare(two.tenant));
  return { waiting, ...found, tenants: tenants.slice(0, SHOWN_TENANTS), tenantsCaught: tenants.length };
}

/** Whether a lane would take a message: of one that is stopped, once it is live again; of a shadow lane, whether it would copy it. */
function catcherOf(board: LaneBoard, lane: string): (message: WaitingMessage) => boolean {
  const known = board.lanes.get(lane);
  if (known?.mode === 'shadow') {
    const own = board.rules.filter((rule) => rule.lane === lane);
    return (message) => own.some(({ match }) => matches(match, message, lane));
  }
  const lanes = known ? new Map(board.lanes).set(lane, { ...known, mode: 'live' }) : board.lanes;
  return (message) => ruleFor({ ...board, lanes }, message)?.lane === lane;
}
