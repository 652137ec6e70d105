import { STABLE } from '../../message/lane-name';
import type { DryRun } from './dry-run';
import type { RoutingTable } from './routing-table';

/** Sentences about a change, before it is made. */
export interface ChangeWarnings {
  /** To be confirmed by the operator. */
  drastic: string[];
  /** For information only. */
  toBeKnown: string[];
}

// Of the waiting messages that were looked at.
const LARGE_SHARE = 0.5;

/**
 * Warnings about a change of a lane's rules or mode. Without a dry run: only from the rules and the workers of the
 * lane.
 */
export function warningsOf(lane: string, after: RoutingTable, dryRun?: DryRun): ChangeWarnings {
  const laneAfter = after.lanes.get(lane);
  const drastic: string[] = [];
  const toBeKnown: string[] = [];
  const ownRules = after.rules.filter((rule) => rule.lane === lane);
  if (lane !== STABLE && laneAfter?.mode !== 'stopped' && !after.servedLanes.has(lane)) {
    const then = laneAfter?.mode === 'shadow' ? 'nothing is compared' : 'all that it would take falls back to stable';
    drastic.push(`no live worker serves ${lane}: until one does, ${then}`);
  }
  // A shadow lane takes no message from another lane, and a stopped lane takes none at all.
  if (lane !== STABLE && laneAfter?.mode === 'live') {
    if (takesAll(dryRun)) drastic.push(`${lane} would take everybody, all ${dryRun?.caught} that wait`);
    else if (ownRules.some(({ match }) => 'percent' in match && match.percent >= 100)) {
      drastic.push(`${lane} would take everybody whom no rule before takes elsewhere`);
    } else if (dryRun && dryRun.caught > 0 && dryRun.caught >= dryRun.lookedAt * LARGE_SHARE) {
      drastic.push(`${lane} would take ${dryRun.caught} of ${dryRun.lookedAt} waiting messages`);
    }
  }
  if (lane === STABLE && dryRun && dryRun.leaveStable > 0 && dryRun.leaveStable >= dryRun.lookedAt * LARGE_SHARE) {
    drastic.push(`stable would lose ${dryRun.leaveStable} of ${dryRun.lookedAt} waiting messages to other lanes`);
  }
  if (laneAfter?.mode === 'stopped') toBeKnown.push(`${lane} is stopped, and takes nothing until it is set live`);
  if (ownRules.length === 0) toBeKnown.push(`${lane} has no rules, and takes nothing by itself`);
  else if (dryRun?.caught === 0) toBeKnown.push(noMatchNotice(dryRun));
  return { drastic, toBeKnown };
}

const takesAll = (dryRun?: DryRun) => dryRun !== undefined && dryRun.lookedAt > 0 && dryRun.caught === dryRun.lookedAt;
const noMatchNotice = ({ waiting }: DryRun) =>
  waiting === 0 ? 'nothing waits, so it matches nobody yet' : 'it matches nobody that waits';
