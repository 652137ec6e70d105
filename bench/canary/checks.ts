import type { RoundRecords } from './round-records';
import type { RoundRun } from './round-run';
import { BUILDS } from './workers';

/** The promises of a round that were broken, in words. Empty if none was. */
export function violationsIn({ round, lane, posted, chosen, met }: RoundRun, records: RoundRecords): string[] {
  const { effects, ledger, events, failures, guard } = records;
  const laneOf = new Map(ledger.map((row) => [nameOf(row), row.lane]));
  const mayMeet = new Set(chosen);
  const outside = ({ tenant }: { tenant: string }) => !mayMeet.has(tenant);
  const inLane = ledger.filter((row) => row.lane === lane);
  const ofChosen = ledger.filter((row) => mayMeet.has(row.tenant));
  const buildOf = (landedIn: string | null | undefined) => (landedIn === lane ? BUILDS.canary : BUILDS.stable);
  const found: [string, number][] = [
    ...notOnce('effects', effects, posted),
    ...notOnce('decisions', ledger, posted),
    ...notOnce('events', events, posted),
    ['effects before they were due', effects.filter(({ lateMs }) => lateMs < 0).length],
    ['decisions other than delivered', ledger.filter(({ outcome }) => outcome !== 'delivered').length],
    ['lanes that nobody knows', ledger.filter((row) => row.lane !== lane && row.lane !== 'stable').length],
    [
      'effects or events of another build than their lane’s',
      [...effects, ...events].filter((one) => one.build !== buildOf(laneOf.get(nameOf(one)))).length,
    ],
    ['messages outside of the rule that the canary met', met.filter(outside).length],
    ['messages outside of the rule that landed in the lane', inLane.filter(outside).length],
    ['messages outside of the rule that the lane failed at', failures.filter(outside).length],
    ['effects of the lane after it was changed', round.landsIn === 'canary' ? 0 : effects.filter(isAfterChange).length],
    ['messages of the rule that did not land in the lane', round.landsIn === 'canary' ? count(ofChosen, 'stable') : 0],
    ['messages that landed in the lane', round.landsIn === 'stable' ? inLane.length : 0],
    ['shares of both lanes missing', round.landsIn === 'both' ? missingShares(ofChosen, lane) : 0],
    [round.meets ? 'times that the canary met nothing' : 'messages that the canary met', metWrongly(round.meets, met)],
    ['stops by the lane guard missing', round.guarded && !guard ? 1 : 0],
    ['stops by the lane guard of a lane that did nothing wrong', !round.guarded && guard ? 1 : 0],
  ];
  return found.flatMap(([what, times]) => (times > 0 ? [`${what}: ${times}`] : []));
}

const nameOf = ({ tenant, key }: { tenant: string; key: string }) => `${tenant}/${key}`;

const isAfterChange = ({ build, afterChange }: RoundRecords['effects'][number]) =>
  build === BUILDS.canary && afterChange;

const count = (rows: RoundRecords['ledger'], lane: string) => rows.filter((row) => row.lane === lane).length;

const missingShares = (rows: RoundRecords['ledger'], lane: string) =>
  [lane, 'stable'].filter((one) => count(rows, one) === 0).length;

const metWrongly = (meets: boolean, met: unknown[]) => (meets ? Number(met.length === 0) : met.length);

/** Counts messages without a row, rows beyond one of a message, and rows of messages that were never posted. */
function notOnce(
  what: string,
  rows: { tenant: string; key: string }[],
  posted: { tenant: string; key: string }[],
): [string, number][] {
  const times = new Map(posted.map((one) => [nameOf(one), 0]));
  let unknown = 0;
  for (const row of rows) {
    const known = times.get(nameOf(row));
    if (known === undefined) unknown += 1;
    else times.set(nameOf(row), known + 1);
  }
  const counts = [...times.values()];
  return [
    [`messages without ${what}`, counts.filter((one) => one === 0).length],
    [`${what} beyond one of a message`, counts.reduce((sum, one) => sum + Math.max(0, one - 1), 0)],
    [`${what} of messages that nobody posted`, unknown],
  ];
}
