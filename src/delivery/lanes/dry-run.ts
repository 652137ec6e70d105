import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { STABLE } from '../../message/lane-name';
import type { Topic } from '../../topics/topic';
import { matchesMessage, ruleFor } from './choose-lane';
import type { RoutingTable } from './routing-table';
import { type ScanLimits, scanWaiting, type WaitingMessage } from './scan-waiting';

const SHOWN_TENANTS = 20;

/** Which waiting messages a lane would take, if nothing else changed until they are due. All numbers count messages. */
export interface DryRun {
  /** All messages of the topic that wait. */
  waiting: number;
  /** Those that were looked at, which the figures below count. Fewer than `waiting` if there are too many. */
  lookedAt: number;
  /** Those that the lane would take, after the rules before its own. A shadow lane takes none, and copies these. */
  caught: number;
  /** Those that stable has now and would not have after the change. */
  leaveStable: number;
  /** The caught messages by tenant, the largest number first; at most 20 of `tenantsCaught` tenants. */
  tenants: { tenant: string; waiting: number }[];
  tenantsCaught: number;
}

/**
 * Counts the waiting messages that a lane would take by the routing table `after`. `onProgress` gets how many were
 * looked at.
 */
export async function dryRun(
  deps: { client: Client; pool: Pool },
  topic: Topic,
  lane: string,
  { before, after }: { before: RoutingTable; after: RoutingTable },
  options: { limits?: ScanLimits; onProgress?(messages: number): void } = {},
): Promise<DryRun> {
  const takes = laneFilter(after, lane);
  const totals = { lookedAt: 0, caught: 0, leaveStable: 0 };
  const byTenant = new Map<string, number>();
  const goesToStable = (routing: RoutingTable, message: WaitingMessage) =>
    (ruleFor(routing, message)?.lane ?? STABLE) === STABLE;
  const count = (message: WaitingMessage) => {
    const { tenant, messages } = message;
    totals.lookedAt += messages;
    if (goesToStable(before, message) && !goesToStable(after, message)) totals.leaveStable += messages;
    if (!takes(message)) return;
    totals.caught += messages;
    byTenant.set(tenant, (byTenant.get(tenant) ?? 0) + messages);
  };
  const matches = [...before.rules, ...after.rules].map(({ match }) => match);
  const { waiting = totals.lookedAt } = await scanWaiting(deps, topic, matches, count, options);
  const tenants = [...byTenant].map(([tenant, waitingOf]) => ({ tenant, waiting: waitingOf }));
  tenants.sort((one, two) => two.waiting - one.waiting || one.tenant.localeCompare(two.tenant));
  return { waiting, ...totals, tenants: tenants.slice(0, SHOWN_TENANTS), tenantsCaught: tenants.length };
}

/**
 * Whether a lane would take a message. A stopped lane: once it is live again. A shadow lane: whether it would copy it.
 */
function laneFilter(routing: RoutingTable, lane: string): (message: WaitingMessage) => boolean {
  const current = routing.lanes.get(lane);
  if (current?.mode === 'shadow') {
    const ownRules = routing.rules.filter((rule) => rule.lane === lane);
    return (message) => ownRules.some(({ match }) => matchesMessage(match, message, lane));
  }
  const lanes = current ? new Map(routing.lanes).set(lane, { ...current, mode: 'live' }) : routing.lanes;
  return (message) => ruleFor({ ...routing, lanes }, message)?.lane === lane;
}
