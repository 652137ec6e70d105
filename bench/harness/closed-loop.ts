import { performance } from 'node:perf_hooks';

/** What a series of calls came to. */
export interface Calls {
  perSecond: number;
  latenciesMs: number[];
  /** What this process itself used for a thousand. */
  clientCpuSecondsPer1000: number;
}

/** Calls `send` so many times, with this many calls under way at any moment; fails with the first that fails. */
export async function closedLoop(
  { count, concurrency }: { count: number; concurrency: number },
  send: (index: number) => Promise<unknown>,
): Promise<Calls> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const line = async () => {
    while (begun < count) {
      const index = begun;
      begun += 1;
      const callAt = performance.now();
      await send(index);
      latenciesMs.push(performance.now() - callAt);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, line));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    perSecond: count / seconds,
    latenciesMs,
    clientCpuSecondsPer1000: (user + system) / 1e6 / (count / 1000),
  };
}
