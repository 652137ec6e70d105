import type { Plan, PlannedBeat, PlannedRequest } from './plan';

const POSTING_MS = 60_000;
const OUTAGE_AT_MS = 70_000;
const OUTAGE_MS = 300_000;
const REQUESTS = 400;
const BEATS = 200;

/** Messages are posted for a minute, due over five that Temporal or PostgreSQL is away, and a little before and after. */
export function outagePlan(of: 'temporal' | 'postgres'): Plan {
  const kind = of === 'temporal' ? ('crashTemporal' as const) : ('crashPostgres' as const);
  const spread = { fromMs: OUTAGE_AT_MS, toMs: OUTAGE_AT_MS + OUTAGE_MS + 20_000 };
  return {
    seed: 0,
    minutes: 7,
    producers: [messagesDue(spread)],
    faults: [{ kind, signal: 'SIGKILL', atMs: OUTAGE_AT_MS, forMs: OUTAGE_MS }],
  };
}

/** Messages wait, and the tasks of all their timers are deleted again and again, before they can fire. */
export function lostTimersPlan(): Plan {
  const spread = { fromMs: POSTING_MS + 20_000, toMs: POSTING_MS + 80_000 };
  const losses = Array.from({ length: 18 }, (_, n) => ({
    kind: 'loseTimers' as const,
    timers: 'all' as const,
    atMs: 1_000 + n * 4_000,
    forMs: 0,
  }));
  return { seed: 0, minutes: 3, producers: [messagesDue(spread)], faults: losses };
}

// Spread by the golden ratio: evenly, and not in the order of their posts.
function messagesDue({ fromMs, toMs }: { fromMs: number; toMs: number }): Plan['producers'][number] {
  const dueAtMs = (n: number) => Math.round(fromMs + ((n * 0.618_033_988_749) % 1) * (toMs - fromMs));
  const postedAtMs = (n: number, count: number) => Math.round((n / count) * POSTING_MS);
  const name = (n: number) => String(n).padStart(5, '0');
  const timesOf = (n: number, count: number) => {
    const atMs = postedAtMs(n, count);
    return { atMs, dueInMs: dueAtMs(n) - atMs };
  };
  const requests = Array.from(
    { length: REQUESTS },
    (_, n): PlannedRequest => ({ id: `p0-${name(n)}`, ...timesOf(n, REQUESTS) }),
  );
  const beats = Array.from(
    { length: BEATS },
    (_, n): PlannedBeat => ({ id: `b0-${name(n)}`, temper: 'sound', ...timesOf(n, BEATS) }),
  );
  return { requests, beats };
}
