import { curveOf, median, type Percentiles, percentilesOf } from '../harness/lateness';
import { violationsIn } from './checks';
import type { RoundRecords } from './round-records';
import type { RoundRun } from './round-run';

/** How the messages of some tenants landed. */
export interface GroupFigures {
  tenants: number;
  messages: number;
  /** How many landed in the lane on trial, and in stable. */
  byCanary: number;
  byStable: number;
  latenessMs: Percentiles;
  /** Percentiles 1 to 100. */
  latenessCurveMs: number[];
}

export type RoundFigures = ReturnType<typeof figuresOf>;

/** The figures of one round. */
export function figuresOf(run: RoundRun, records: RoundRecords) {
  const { round, repetition, tries, lane, chosen, posted, met } = run;
  const { effects, events, failures, guard } = records;
  const lateness = effects.map(({ lateMs }) => lateMs);
  return {
    name: round.repeated ? `${round.title} ${repetition}` : round.title,
    round: round.id,
    title: round.title,
    repetition,
    tries,
    lane,
    messages: posted.length,
    effects: effects.length,
    events: events.length,
    early: lateness.filter((ms) => ms < 0).length,
    latenessMs: percentilesOf(lateness),
    /** `canarys`: the tenants that the rule is for. `others`: all other tenants. */
    canarys: groupOf((tenant) => chosen.includes(tenant), lane, records),
    others: groupOf((tenant) => !chosen.includes(tenant), lane, records),
    canaryMet: met.length,
    canaryFailedAt: failures.length,
    guard: guard ? { reason: guard.reason, stoppedAfterMs: Math.round(guard.stoppedAfterMs) } : null,
    violations: violationsIn(run, records),
  };
}

function groupOf(isIn: (tenant: string) => boolean, lane: string, { effects, ledger }: RoundRecords): GroupFigures {
  const landed = ledger.filter(({ tenant }) => isIn(tenant));
  const lateness = effects.filter(({ tenant }) => isIn(tenant)).map(({ lateMs }) => lateMs);
  return {
    tenants: new Set(landed.map(({ tenant }) => tenant)).size,
    messages: landed.length,
    byCanary: landed.filter((row) => row.lane === lane).length,
    byStable: landed.filter((row) => row.lane !== lane).length,
    latenessMs: percentilesOf(lateness),
    latenessCurveMs: curveOf(lateness),
  };
}

export const SHOWN = ['p50', 'p99', 'max'] as const;
export type Shown = (typeof SHOWN)[number];

export interface Spread {
  median: number;
  least: number;
  most: number;
}

/** A figure of one group over the repetitions of a round. */
export function spreadOf(rounds: RoundFigures[], group: 'canarys' | 'others', which: Shown): Spread {
  const all = rounds.map((one) => one[group].latenessMs[which]);
  return { median: median(all), least: Math.min(...all), most: Math.max(...all) };
}

/**
 * Compares stable's lateness for the same tenants, with a canary beside it and without one. It is within noise if the
 * medians differ by no more than the repetitions of either.
 */
export function sideBySide(rounds: RoundFigures[]) {
  const of = (id: string) => rounds.filter(({ round }) => round === id);
  if (of('no-lanes').length === 0 || of('healthy').length === 0) return null;
  return SHOWN.map((which) => {
    const without = spreadOf(of('no-lanes'), 'others', which);
    const beside = spreadOf(of('healthy'), 'others', which);
    const noiseMs = Math.max(without.most - without.least, beside.most - beside.least);
    return {
      figure: which,
      without,
      beside,
      ratio: Number((beside.median / without.median).toFixed(2)),
      withinNoise: beside.median - without.median <= noiseMs,
    };
  });
}

export type SideBySide = ReturnType<typeof sideBySide>;
