import { createResultPacer } from '../../../src/delivery/landing/result-pacer';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** A Temporal that needs `tookMs` until the last told run has moved on; notes how many were told before each answer. */
function temporal(tookMs: () => number) {
  const windows: number[] = [];
  let told = 0;
  const result = (deadlineAt = Number.POSITIVE_INFINITY) => ({
    deadlineAt,
    report() {
      told += 1;
    },
    async runClosed() {
      windows.push(told);
      told = 0;
      await new Promise((resolve) => setTimeout(resolve, tookMs()));
    },
  });
  return { windows, result, told: () => told + windows.reduce((sum, window) => sum + window, 0) };
}

const results = <Result>(count: number, make: () => Result) => Array.from({ length: count }, make);

it('tells every result, in windows that grow while Temporal is quick', async () => {
  const quick = temporal(() => 100);
  const pacer = createResultPacer(async () => undefined);
  pacer.add(results(1_000, quick.result));
  await jest.advanceTimersByTimeAsync(10_000);
  expect(quick.told()).toBe(1_000);
  expect(pacer.backlog()).toBe(0);
  expect(quick.windows.slice(0, 6)).toEqual([8, 16, 32, 64, 128, 256]);
});

it('goes back to small windows when Temporal becomes slow, and never stops', async () => {
  let tookMs = 100;
  const slow = temporal(() => tookMs);
  const pacer = createResultPacer(async () => undefined);
  pacer.add(results(1_000, slow.result));
  await jest.advanceTimersByTimeAsync(450);
  tookMs = 1_500;
  await jest.advanceTimersByTimeAsync(120_000);
  expect(slow.told()).toBe(1_000);
  expect(slow.windows.at(-1)).toBeLessThan(Math.max(...slow.windows) / 4);
});

it('tells at once, past its window, what would time out otherwise', async () => {
  const stuck = temporal(() => 3_600_000);
  const pacer = createResultPacer(async () => undefined);
  pacer.add(results(50, stuck.result));
  await jest.advanceTimersByTimeAsync(1_000);
  expect(stuck.told()).toBe(8);

  const hurried = temporal(() => 100);
  const other = createResultPacer(async () => undefined);
  other.add([...results(30, () => hurried.result(Date.now())), ...results(10, hurried.result)]);
  await jest.advanceTimersByTimeAsync(50);
  expect(hurried.told()).toBe(30);
});

it('tells a single result without asking how Temporal does', async () => {
  const idle = temporal(() => 100);
  const pacer = createResultPacer(async () => undefined);
  pacer.add([idle.result()]);
  await jest.advanceTimersByTimeAsync(1);
  expect(idle.told()).toBe(1);
  expect(idle.windows).toEqual([]);
});

it('tells nothing before the landings of the same instant are over', async () => {
  const quick = temporal(() => 100);
  let over = () => {};
  const pacer = createResultPacer(() => new Promise((resolve) => (over = resolve)));
  pacer.add(results(4, quick.result));
  await jest.advanceTimersByTimeAsync(60_000);
  expect(quick.told()).toBe(0);
  over();
  await jest.advanceTimersByTimeAsync(50);
  expect(quick.told()).toBe(4);
});
