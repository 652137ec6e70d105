import { median, type Percentiles } from '../harness/lateness';
import type { Turn } from './turn';
import { foregroundIn } from './window';

/** One form's figures: each the median of its windows. */
export function figuresOf({ form, windows }: Turn, idle: Turn) {
  const middle = (of: (window: Turn['windows'][number]) => number) => rounded(median(windows.map(of)));
  const middles = (of: (window: Turn['windows'][number]) => Percentiles): Percentiles => ({
    p50: middle((window) => of(window).p50),
    p90: middle((window) => of(window).p90),
    p99: middle((window) => of(window).p99),
    max: middle((window) => of(window).max),
  });
  const sum = (of: (window: Turn['windows'][number]) => number) => windows.reduce((total, one) => total + of(one), 0);
  const windowMs = middle((window) => window.lengthMs);
  const foregroundMs = middles((window) => window.foreground.latencyMs);
  const idleP99Ms = idleP99Of(idle, windowMs);
  return {
    name: form.name,
    messages: sum((window) => window.dueRows),
    effects: sum((window) => window.effects),
    /** Paid by the foreground before the form came to them: those do not expire. */
    paid: sum((window) => window.paid),
    undecided: sum((window) => window.pending),
    events: sum((window) => window.events),
    early: sum((window) => window.early),
    windowMs,
    latenessMs: middles((window) => window.latenessMs),
    foregroundMs,
    readMs: middles((window) => window.foreground.readMs),
    payMs: middles((window) => window.foreground.payMs),
    idleP99Ms,
    p99AgainstIdle: rounded(foregroundMs.p99 / idleP99Ms),
    windows,
  };
}

export type Figures = ReturnType<typeof figuresOf>;

/**
 * The idle foreground's p99 in windows of this length, the median of as many as fit: the p99 of few requests is nearly
 * their maximum, so short windows may only be compared with short ones.
 */
function idleP99Of(idle: Turn, lengthMs: number): number {
  const p99s = idle.requests.flatMap(({ dueAt, samples }, index) => {
    const longestMs = idle.windows[index]?.lengthMs ?? 0;
    const sliceMs = Math.min(Math.max(lengthMs, 1), longestMs);
    const slices = Math.floor(longestMs / sliceMs);
    return Array.from({ length: slices }, (_, slice) => foregroundIn(samples, dueAt + slice * sliceMs, sliceMs))
      .filter(({ requests }) => requests > 0)
      .map(({ latencyMs }) => latencyMs.p99);
  });
  return rounded(median(p99s));
}

const rounded = (value: number) => Math.round(value * 100) / 100;
