import type { TEMPERS } from '../programs/beat';
import { faultsOf, type PlannedFault } from './fault-plan';
import { type Random, randomFrom } from './random';
import { strangerOf } from './stranger-plan';

/** What a producer does with one payment request: due so long after it was posted, and perhaps a command beside. */
export interface PlannedRequest {
  atMs: number;
  id: string;
  dueInMs: number;
  command?: { what: 'pay' | 'cancel' | 'extend'; atMs: number; byMs: number };
}

/** What a producer does with one repeating message; the instants of its commands count from its post. */
export interface PlannedBeat {
  atMs: number;
  id: string;
  dueInMs: number;
  temper: (typeof TEMPERS)[number];
  command?: { what: 'cancel' | 'move'; atMs: number; byMs: number };
}

/** A run, whole: what two producers do, and what is done to everything. */
export interface Plan {
  seed: number;
  minutes: number;
  producers: { requests: PlannedRequest[]; beats: PlannedBeat[] }[];
  faults: PlannedFault[];
}

const PRODUCERS = 2;
// So many a second that a two-core machine still has room for the faults.
const REQUEST_EVERY_MS = 500;
const BEAT_EVERY_MS = 6_000;
// The share of beats that fail for good (poison).
const POISON_SHARE = 0.05;
const FLAKY_SHARE = 0.2;

/** The plan of a run, from its seed alone. */
export function planOf(seed: number, minutes: number): Plan {
  const random = randomFrom(seed);
  const lengthMs = minutes * 60_000;
  const producers = Array.from({ length: PRODUCERS }, (_, producer) => ({
    requests: everySo(REQUEST_EVERY_MS, lengthMs, (atMs, number) => requestOf(random, atMs, `p${producer}-${number}`)),
    beats: everySo(BEAT_EVERY_MS, lengthMs, (atMs, number) => beatOf(random, atMs, `b${producer}-${number}`)),
  }));
  // The stranger comes last, so that a seed has the same faults as before there was one.
  const faults = [...faultsOf(random, lengthMs), ...strangerOf(random, lengthMs)];
  return { seed, minutes, producers, faults };
}

const everySo = <Item>(everyMs: number, lengthMs: number, itemAt: (atMs: number, number: string) => Item): Item[] =>
  Array.from({ length: Math.floor(lengthMs / everyMs) }, (_, n) => itemAt(n * everyMs, String(n).padStart(5, '0')));

function requestOf(random: Random, atMs: number, id: string): PlannedRequest {
  const dueInMs = random.between(1, 100) <= 15 ? random.between(-500, 500) : random.between(2_000, 30_000);
  if (dueInMs < 1_000 || random.chance(0.4)) return { atMs, id, dueInMs };
  const what = random.oneOf(['pay', 'pay', 'cancel', 'extend'] as const);
  return { atMs, id, dueInMs, command: { what, ...aroundDue(random, dueInMs) } };
}

function beatOf(random: Random, atMs: number, id: string): PlannedBeat {
  const dueInMs = random.between(1_000, 12_000);
  const temper = random.chance(POISON_SHARE) ? 'poison' : random.chance(FLAKY_SHARE) ? 'flaky' : 'sound';
  if (random.chance(0.5)) return { atMs, id, dueInMs, temper };
  const what = random.oneOf(['cancel', 'move', 'move'] as const);
  return { atMs, id, dueInMs, temper, command: { what, ...aroundDue(random, dueInMs) } };
}

// Half of the commands come in the last moment, where the race is.
const aroundDue = (random: Random, dueInMs: number) => ({
  atMs: random.chance(0.5) ? dueInMs + random.between(-20, 20) : random.between(500, dueInMs),
  byMs: random.between(-3_000, 15_000),
});
