import { type Random, randomFrom } from './random';

export const LINKS = ['workerDatabase', 'workerTemporal', 'producerDatabase'] as const;
export type LinkName = (typeof LINKS)[number];

/** A fault of the plan: when it begins, what it is, and how long it lasts. */
export type PlannedFault = { atMs: number; forMs: number } & (
  | { kind: 'kill'; part: 'worker0' | 'worker1' | 'listener' | 'producer0' | 'producer1' }
  | { kind: 'killTemporal' | 'killPostgres' | 'loseTimers' }
  | { kind: 'pause'; part: 'worker0' | 'worker1' | 'temporal' }
  | { kind: 'link'; link: LinkName; mode: 'refuse' | 'blackHole' | 'delay' | 'dropReplyToCommit' }
);

/** What a producer does with one request: due so long after it was posted, and this beside, so long before or after due. */
export interface PlannedRequest {
  atMs: number;
  id: string;
  dueInMs: number;
  command?: { what: 'pay' | 'cancel' | 'extend'; atMs: number; byMs?: number };
}

export interface Plan {
  seed: number;
  minutes: number;
  requests: PlannedRequest[][];
  faults: PlannedFault[];
}

const PRODUCERS = 2;
// So many a second that a two-core machine still has room for the faults.
const REQUEST_EVERY_MS = 500;
const QUIET_AT_FIRST_MS = 5_000;

/** The plan of a run, from its seed alone. */
export function planOf(seed: number, minutes: number): Plan {
  const random = randomFrom(seed);
  const lengthMs = minutes * 60_000;
  const requests = Array.from({ length: PRODUCERS }, (_, producer) => requestsOf(random, producer, lengthMs));
  return { seed, minutes, requests, faults: faultsOf(random, lengthMs) };
}

function requestsOf(random: Random, producer: number, lengthMs: number): PlannedRequest[] {
  const requests: PlannedRequest[] = [];
  for (let atMs = 0; atMs < lengthMs; atMs += REQUEST_EVERY_MS) {
    const dueInMs = random.between(1, 100) <= 15 ? random.between(-500, 500) : random.between(2_000, 30_000);
    const id = `p${producer}-${String(requests.length).padStart(5, '0')}`;
    requests.push({ atMs, id, dueInMs, command: commandOf(random, dueInMs) });
  }
  return requests;
}

function commandOf(random: Random, dueInMs: number): PlannedRequest['command'] {
  if (dueInMs < 1_000 || random.chance(0.4)) return undefined;
  const what = random.oneOf(['pay', 'pay', 'cancel', 'extend'] as const);
  // Half of them in the last moment, where the race is.
  const atMs = random.chance(0.5) ? dueInMs + random.between(-20, 20) : random.between(500, dueInMs);
  return { what, atMs, byMs: random.between(-3_000, 15_000) };
}

function faultsOf(random: Random, lengthMs: number): PlannedFault[] {
  const faults: PlannedFault[] = [];
  let atMs = QUIET_AT_FIRST_MS;
  while (atMs < lengthMs - QUIET_AT_FIRST_MS) {
    const fault = faultOf(random);
    faults.push({ atMs, ...fault });
    // Some overlap, most do not: one fault is to be seen through before the next hides it.
    atMs += random.chance(0.3) ? random.between(1_000, 3_000) : fault.forMs + random.between(1_000, 6_000);
  }
  return faults;
}

type Fault = PlannedFault extends infer One ? (One extends PlannedFault ? Omit<One, 'atMs'> : never) : never;

function faultOf(random: Random): Fault {
  const dice = random.between(1, 100);
  const parts = ['worker0', 'worker1', 'worker0', 'worker1', 'listener', 'producer0', 'producer1'] as const;
  if (dice <= 45) return { kind: 'kill', part: random.oneOf(parts), forMs: 0 };
  if (dice <= 50) return { kind: 'killPostgres', forMs: random.between(500, 6_000) };
  if (dice <= 54) return { kind: 'killTemporal', forMs: random.between(500, 8_000) };
  if (dice <= 58) return { kind: 'loseTimers', forMs: 0 };
  if (dice <= 68) {
    return {
      kind: 'pause',
      part: random.oneOf(['worker0', 'worker1', 'temporal']),
      forMs: random.between(2_000, 12_000),
    };
  }
  if (dice <= 80) {
    const link = random.oneOf(['workerDatabase', 'producerDatabase'] as const);
    return { kind: 'link', link, mode: 'dropReplyToCommit', forMs: random.between(1_500, 4_000) };
  }
  const mode = random.oneOf(['refuse', 'blackHole', 'delay'] as const);
  return { kind: 'link', link: random.oneOf(LINKS), mode, forMs: random.between(1_000, 6_000) };
}
