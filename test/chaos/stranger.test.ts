import { type SeenOfTheRun, violationsOfTheRun } from '../../chaos/checks/run';
import { planOf } from '../../chaos/plan/plan';
import { STRANGE_ACTS } from '../../chaos/plan/stranger-plan';

// The two minutes that are played with every release.
const plan = planOf(7, 2);
const planned = plan.faults.filter(({ kind }) => kind === 'stranger').length;
const seen: SeenOfTheRun = {
  settled: { landedAfterMs: 1, overAfterMs: 1 },
  snapshots: { problems: [] },
  rescues: {},
  struck: { strange: { done: planned, refused: 0 } },
};

it('the plan has the stranger do each odd thing at least once', () => {
  const acts = plan.faults.flatMap((fault) => (fault.kind === 'stranger' ? [fault.act] : []));
  expect([...new Set(acts)].sort()).toEqual([...STRANGE_ACTS].sort());
});

it('a run in which the stranger reached nothing is not sound, as nothing was shown', () => {
  expect(violationsOfTheRun(plan, seen)).toEqual([]);
  const refused = { ...seen, struck: { strange: { done: 1, refused: planned - 1 } } };
  expect(violationsOfTheRun(plan, refused)).toEqual([
    { invariant: 'I22', what: 'less than half of a stranger’s acts reached the system', ids: [`1 of ${planned}`] },
  ]);
});

it.each<[invariant: string, odd: Partial<SeenOfTheRun>]>([
  ['I13', { snapshots: { problems: ['a message is nowhere'] } }],
  ['I15', { settled: { landedAfterMs: undefined, overAfterMs: undefined } }],
  ['I3, I7, I9', { settled: { landedAfterMs: 1, overAfterMs: undefined } }],
])('a run that breaks %s is not sound', (invariant, odd) => {
  expect(violationsOfTheRun(plan, { ...seen, ...odd }).map((one) => one.invariant)).toEqual([invariant]);
});

it('what is rescued is a violation where nothing was done to the system, and none where it was', () => {
  const rescued = { ...seen, rescues: { 'chaos.beat overdue': 1 } as SeenOfTheRun['rescues'] };
  expect(violationsOfTheRun(plan, rescued)).toEqual([]);
  expect(violationsOfTheRun({ faults: [] }, rescued).map((one) => one.invariant)).toEqual(['I21']);
});
