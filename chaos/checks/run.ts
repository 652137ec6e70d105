import type { Plan } from '../plan/plan';
import { STRANGE_ACTS } from '../plan/stranger-plan';
import type { Struck } from '../system/faults';
import type { countRescues } from '../watch/rescues';
import type { settle } from '../watch/settling';
import type { takeSnapshots } from '../watch/snapshots';
import type { Violation } from './violation';

/** What the watchers of a run have seen. */
export interface SeenOfTheRun {
  settled: Pick<Awaited<ReturnType<typeof settle>>, 'landedAfterMs' | 'overAfterMs'>;
  snapshots: Pick<Awaited<ReturnType<ReturnType<typeof takeSnapshots>['stop']>>, 'problems'>;
  rescues: Awaited<ReturnType<ReturnType<typeof countRescues>['stop']>>;
  struck: Pick<Struck, 'strange'>;
}

/** What is not to be seen in what is left. */
export function violationsOfTheRun(
  { faults }: Pick<Plan, 'faults'>,
  { settled, snapshots, rescues, struck }: SeenOfTheRun,
): Violation[] {
  const violations: Violation[] = [];
  const { problems } = snapshots;
  if (problems.length > 0) violations.push({ invariant: 'I13', what: 'a snapshot that did not agree', ids: problems });
  if (settled.landedAfterMs === undefined) {
    violations.push({ invariant: 'I15', what: 'not everything overdue landed in time', ids: [] });
  } else if (settled.overAfterMs === undefined) {
    violations.push({ invariant: 'I3, I7, I9', what: 'not everything came to its end', ids: [] });
  }
  // What the roll call found missing was in time: a server that is busy for a moment is no fault.
  const rescued = Object.entries(rescues).filter(([what, messages]) => messages > 0 && !what.endsWith(' missing'));
  if (faults.length === 0 && rescued.length > 0) {
    violations.push({
      invariant: 'I21',
      what: 'rescued without a fault',
      ids: rescued.map(([what, n]) => `${what}: ${n}`),
    });
  }
  // The control of I22: a stranger whose acts are all refused shows nothing. Servers are away at times, so some are.
  const planned = faults.filter(({ kind }) => kind === 'stranger').length;
  if (planned >= STRANGE_ACTS.length && struck.strange.done < planned / 2) {
    const what = 'less than half of a stranger’s acts reached the system';
    violations.push({ invariant: 'I22', what, ids: [`${struck.strange.done} of ${planned}`] });
  }
  return violations;
}
