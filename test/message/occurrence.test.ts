import { occurrenceOf, withOccurrence } from '../../src/message/occurrence';

it('a message of an earlier release, and one started by hand, counts by its cycles', () => {
  expect(occurrenceOf({ cycle: 1 })).toBe(1);
  expect(occurrenceOf({ cycle: 7 })).toBe(7);
});

it('cycles that do not count are left out, and go on being left out by a worker that does not know them', () => {
  const moved = withOccurrence({ cycle: 2 }, 1);
  expect(occurrenceOf(moved)).toBe(1);
  // As a worker of an earlier release takes the next cycle: all but that stays.
  expect(occurrenceOf({ ...moved, cycle: 3 })).toBe(2);
});

it('a message in which every cycle counts is as it was before there were occurrences', () => {
  expect(withOccurrence({ cycle: 3 }, 3)).toStrictEqual({ cycle: 3 });
  expect(withOccurrence({ cycle: 3, uncountedCycles: 2 }, 3)).toStrictEqual({ cycle: 3 });
});

it('a series of an earlier release counts as it always has, however often it was moved', () => {
  const repeat = { every: 'P1D', startAt: 0, at: 0, done: 1 };
  expect(occurrenceOf({ cycle: 5, repeat })).toBe(2);
  for (const done of [3e9, -1, 0.5, null, '1']) {
    expect(occurrenceOf({ cycle: 5, repeat: { ...repeat, done: done as number } })).toBe(5);
  }
});

it.each([null, '1', -1, 0.5, 3, 1e300, Number.NaN, {}, [1]])(
  'with %p in its place a message counts by its cycles',
  (odd) => {
    expect(occurrenceOf({ cycle: 3, uncountedCycles: odd as number })).toBe(3);
  },
);
