import { type Percentiles, percentilesOf } from '../harness/lateness';
import type { Sample } from './foreground-load';
import type { Outcome } from './request-rows';

/** The foreground inside a window. */
export interface Foreground {
  requests: number;
  latencyMs: Percentiles;
  readMs: Percentiles;
  payMs: Percentiles;
}

export interface Window {
  /** From the due instant to the last effect's commit. */
  lengthMs: number;
  dueRows: number;
  effects: number;
  paid: number;
  /** Neither expired nor paid. */
  pending: number;
  events: number;
  early: number;
  latenessMs: Percentiles;
  foreground: Foreground;
}

/** The requests that belonged inside this window, by when each was to be sent; what was sent before or after is out. */
export function foregroundIn(samples: Sample[], fromAt: number, lengthMs: number): Foreground {
  const inside = samples.filter(({ intendedAt }) => intendedAt >= fromAt && intendedAt <= fromAt + lengthMs);
  const latencies = (kind?: Sample['kind']) =>
    percentilesOf(inside.filter((one) => kind === undefined || one.kind === kind).map(({ latencyMs }) => latencyMs));
  return { requests: inside.length, latencyMs: latencies(), readMs: latencies('read'), payMs: latencies('pay') };
}

/** What a window came to. */
export function summarise(
  { expired, paid, pending, latenessMs }: Outcome,
  {
    dueAt,
    samples,
    events,
    fixedLengthMs,
  }: { dueAt: number; samples: Sample[]; events: number; fixedLengthMs?: number },
): Window {
  const lengthMs = fixedLengthMs ?? latenessMs.reduce((longest, ms) => Math.max(longest, ms), 0);
  return {
    lengthMs,
    dueRows: expired + paid + pending,
    effects: expired,
    paid,
    pending,
    events,
    early: latenessMs.filter((ms) => ms < 0).length,
    latenessMs: percentilesOf(latenessMs),
    foreground: foregroundIn(samples, dueAt, lengthMs),
  };
}
