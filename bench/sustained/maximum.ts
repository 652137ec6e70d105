import type { Flow } from './flow';

/** What a shape has to keep up to be said to sustain a rate. */
export const CRITERIA = {
  inShareAtLeast: 0.97,
  latenessP99AtMostMs: 5_000,
  /** The lateness of the last third of the due times against the first. Below a second it does not count as growth. */
  latenessGrowthAtMost: 2,
  latenessGrowthFromMs: 1_000,
  /** Ended workflows lag behind their effects by this many seconds of the rate at most, at the end of the posting. */
  unclosedAtMostSeconds: 10,
};

/** Why the shape does not sustain the rate; nothing if it does. */
export function shortfalls(flow: Flow): string[] {
  const { first, last } = flow.latenessThirdsMs;
  const grown = Math.max(CRITERIA.latenessGrowthFromMs, first * CRITERIA.latenessGrowthAtMost);
  const unclosedAtMost = flow.wantedPerSecond * CRITERIA.unclosedAtMostSeconds;
  const checks: [boolean, string][] = [
    [flow.inPerSecond < flow.wantedPerSecond * CRITERIA.inShareAtLeast, `only ${flow.inPerSecond} a second went in`],
    [flow.latenessMs.p99 > CRITERIA.latenessP99AtMostMs, `lateness p99 ${Math.round(flow.latenessMs.p99)} ms`],
    [last > grown, `lateness grew: p99 ${Math.round(first)} ms in the first third, ${Math.round(last)} ms in the last`],
    [flow.backlog.unclosedAtEnd > unclosedAtMost, `${flow.backlog.unclosedAtEnd} workflows had not ended`],
  ];
  return checks.flatMap(([isShort, why]) => (isShort ? [why] : []));
}

/** Raises the rate by a quarter from step to step until one is not sustained; promises every step. */
export async function findMaximum(
  from: number,
  measure: (perSecond: number) => Promise<Flow>,
): Promise<{ flow: Flow; shortfalls: string[] }[]> {
  const steps: { flow: Flow; shortfalls: string[] }[] = [];
  for (let perSecond = from; ; perSecond = Math.ceil(perSecond * 1.25)) {
    const flow = await measure(perSecond);
    steps.push({ flow, shortfalls: shortfalls(flow) });
    if (steps.at(-1)?.shortfalls.length) return steps;
  }
}
