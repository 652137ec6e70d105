import { createDueTimes } from '../../../src/delivery/held/due-times';

beforeEach(() => jest.useFakeTimers({ now: 1_000_000 }));
afterEach(() => jest.useRealTimers());

const clock = { now: () => Date.now() };

it('ten thousand items of one instant cost one timer, and come all together when it is there', () => {
  const due: number[][] = [];
  const dueTimes = createDueTimes<number>(clock, (items) => due.push(items));
  for (let item = 0; item < 10_000; item += 1) dueTimes.add(1_005_000, item);
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(4_999);
  expect(due).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(due.map((items) => items.length)).toEqual([10_000]);
  expect(jest.getTimerCount()).toBe(0);
});

it("is on time by the database's clock, whatever this machine's says", () => {
  const due: number[] = [];
  const ahead = createDueTimes<string>({ now: () => Date.now() + 300 }, () => due.push(Date.now()));
  ahead.add(1_001_000, 'item');
  jest.advanceTimersByTime(5_000);
  expect(due).toEqual([1_000_700]);
});

it('an instant whose items are all taken out again costs nothing', () => {
  const dueTimes = createDueTimes<string>(clock, () => undefined);
  dueTimes.add(1_005_000, 'one');
  dueTimes.add(1_005_000, 'two');
  dueTimes.remove(1_005_000, 'one');
  expect(jest.getTimerCount()).toBe(1);
  dueTimes.remove(1_005_000, 'two');
  expect(jest.getTimerCount()).toBe(0);
});

it('what is due already comes at once', () => {
  const due: string[][] = [];
  const dueTimes = createDueTimes<string>(clock, (items) => due.push(items));
  dueTimes.add(1, 'old');
  jest.advanceTimersByTime(0);
  expect(due).toEqual([['old']]);
});

describe('a clock that jumps', () => {
  let aheadMs = 0;
  const jumping = { now: () => Date.now() + aheadMs };
  beforeEach(() => {
    aheadMs = 0;
  });

  it('has what it made due at once come at once, and the rest at its instant, with one timer each as before', () => {
    const due: string[][] = [];
    aheadMs = -90_000;
    const dueTimes = createDueTimes<string>(jumping, (items) => due.push(items));
    dueTimes.add(1_001_000, 'soon');
    dueTimes.add(1_005_000, 'one');
    dueTimes.add(1_005_000, 'two');
    aheadMs = 0;
    jest.advanceTimersByTime(2_000);
    // Nobody has told it yet.
    expect(due).toEqual([]);
    dueTimes.resetTimers();
    expect(jest.getTimerCount()).toBe(2);
    jest.advanceTimersByTime(0);
    expect(due).toEqual([['soon']]);
    jest.advanceTimersByTime(2_999);
    expect(due).toHaveLength(1);
    jest.advanceTimersByTime(1);
    expect(due).toEqual([['soon'], ['one', 'two']]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('back has what is held wait longer', () => {
    const due: string[][] = [];
    const dueTimes = createDueTimes<string>(jumping, (items) => due.push(items));
    dueTimes.add(1_001_000, 'item');
    aheadMs = -90_000;
    dueTimes.resetTimers();
    jest.advanceTimersByTime(90_999);
    expect(due).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(due).toEqual([['item']]);
  });

  it('back by more than a timer can be long does not have everything come at once', () => {
    const due: string[][] = [];
    aheadMs = -40 * 86_400_000;
    const dueTimes = createDueTimes<string>(jumping, (items) => due.push(items));
    dueTimes.add(1_001_000, 'item');
    jest.advanceTimersByTime(60_000);
    expect(due).toEqual([]);
  });
});

it('what was there too early comes again after the given time at the soonest, though the clock says that it is due', () => {
  const due: number[] = [];
  const dueTimes = createDueTimes<string>(clock, () => due.push(Date.now()));
  dueTimes.add(999_000, 'item', { soonestMs: 700 });
  jest.advanceTimersByTime(5_000);
  expect(due).toEqual([1_000_700]);
});
