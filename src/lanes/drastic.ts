import { STABLE } from '../lane-name';
import type { LaneBoard } from './board';
import type { DryRun } from './dry-run';

/** What is said of a change before it is made. What is drastic is to be confirmed; what is only to be known, is not. */
export interface Judgement {
  drastic: string[];
  toBeKnown: string[];
}

const FEW = 0.5;

/** Judges a change of a lane's rules or mode. Without a dry run only by what the rules say, and by who serves the lane. */
export function judge(lane: string, after: LaneBoard, found?: DryRun): Judgement {
  const known = after.lanes.get(lane);
  const drastic: string[] = [];
  const toBeKnown: string[] = [];
  const own = after.rules.filter((rule) => rule.lane === lane);
  if (lane !== STABLE && known?.mode !== 'stopped' && !after.served.has(lane)) {
    const then = known?.mode === 'shadow' ? 'nothing is compared' : 'all that it would take falls back to stable';
    drastic.push(`no live worker serves ${lane}: until one does, ${then}`);
  }
  // A shadow takes nothing from anybody, and a stopped lane nothing at all.
  if (lane !== STABLE && known?.mode === 'live') {
    if (isAll(found)) drastic.push(`${lane} would take everybody, all ${found?.caught} that wait`);
    else if (own.some(({ match }) => 'percent' in match && match.percent >= 100)) {
      drastic.push(`${lane} would take everybody whom no rule before takes elsewhere`);
    } else if (found && found.caught > 0 && found.caught >= found.lookedAt * FEW) {
      drastic.push(`${lane} would take ${found.caught} of ${found.lookedAt} waiting messages`);
    }
  }
  if (lane === STABLE && found && found.leaveStable > 0 && found.leaveStable >= found.lookedAt * FEW) {
    drastic.push(`stable would lose ${found.leaveStable} of ${found.lookedAt} waiting messages to other lanes`);
  }
  if (known?.mode === 'stopped') toBeKnown.push(`${lane} is stopped, and takes nothing until it is set live`);
  if (own.length === 0) toBeKnown.push(`${lane} has no rules, and takes nothing by itself`);
  else if (found?.caught === 0) toBeKnown.push(nobody(found));
  return { drastic, toBeKnown };
}

const isAll = (found?: DryRun) => found !== undefined && found.lookedAt > 0 && found.caught === found.lookedAt;
const nobody = ({ waiting }: DryRun) =>
  waiting === 0 ? 'nothing waits, so it matches nobody yet' : 'it matches nobody that waits';
