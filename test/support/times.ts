import { appendFileSync } from 'node:fs';

/** What a run of the tests spends time on beside its tests. */
export interface StartTime {
  started: string;
  ms: number;
}

/** Promises what `start` returns, and tells the run's table of times how long that took, where one is asked for. */
export async function timed<Result>(started: string, start: () => Promise<Result>): Promise<Result> {
  const file = process.env.POSTDATE_TEST_TIMES;
  if (!file) return start();
  const from = performance.now();
  const result = await start();
  const time: StartTime = { started, ms: performance.now() - from };
  appendFileSync(file, `${JSON.stringify(time)}\n`);
  return result;
}
