import { LINKS, type LinkName, PROGRAMS, type ProgramName } from '../system/links';
import type { LinkMode } from '../system/proxy';
import type { Random } from './random';
import type { StrangeAct } from './stranger-plan';

/** What a fault does, and for how long. */
export type Fault = { forMs: number } & (
  | { kind: 'kill'; part: ProgramName }
  | { kind: 'pause'; part: ProgramName | 'temporal' | 'postgres' }
  | { kind: 'link'; link: LinkName; mode: Exclude<LinkMode, 'pass'> }
  | { kind: 'crashPostgres'; signal: 'SIGQUIT' | 'SIGKILL' }
  | { kind: 'crashTemporal' | 'crashTemporalDatabase' | 'crashEverything' | 'fillDisk' }
  | { kind: 'loseTimers'; timers: 'sleeping' | 'all' }
  | { kind: 'shiftClock'; seconds: number }
  | { kind: 'stranger'; act: StrangeAct }
);

/** A fault of the plan, and when it begins. */
export type PlannedFault = Fault & { atMs: number };

const QUIET_AT_FIRST_MS = 5_000;
const QUIET_AT_LAST_MS = 5_000;
// While a long one lasts, others strike as well.
const SEEN_THROUGH_MS = 8_000;

const kill = (random: Random): Fault => ({ kind: 'kill', part: random.oneOf(PROGRAMS), forMs: 0 });
const killWorker = (random: Random): Fault => ({
  kind: 'kill',
  part: random.oneOf(['worker0', 'worker1'] as const),
  forMs: 0,
});
const pauseOne = (random: Random): Fault => ({
  kind: 'pause',
  part: random.oneOf([...PROGRAMS, 'temporal', 'postgres'] as const),
  forMs: random.between(2_000, 12_000),
});
// Longer than the heartbeat timeout of its activities: another worker has them when it wakes.
const zombie = (random: Random): Fault => ({
  kind: 'pause',
  part: random.oneOf(['worker0', 'worker1'] as const),
  forMs: random.between(42_000, 50_000),
});
const breakLink = (random: Random): Fault => ({
  kind: 'link',
  link: random.oneOf(LINKS),
  mode: random.oneOf(['refuse', 'blackHole', 'delay', 'reset'] as const),
  forMs: random.between(1_500, 6_000),
});
const loseCommits = (random: Random): Fault => ({
  kind: 'link',
  link: random.oneOf(['worker0Database', 'worker1Database', 'producerDatabase', 'temporalDatabase'] as const),
  mode: 'dropReplyToCommit',
  forMs: random.between(2_000, 5_000),
});
const crashPostgres = (random: Random): Fault => ({
  kind: 'crashPostgres',
  signal: random.oneOf(['SIGQUIT', 'SIGKILL'] as const),
  forMs: random.between(500, 6_000),
});
const crashTemporal = (random: Random): Fault => ({ kind: 'crashTemporal', forMs: random.between(500, 8_000) });
// Across the due times of the messages that wait at that moment.
const temporalAway = (random: Random): Fault => ({ kind: 'crashTemporal', forMs: random.between(20_000, 35_000) });
const crashTemporalDatabase = (random: Random): Fault => ({
  kind: 'crashTemporalDatabase',
  forMs: random.between(500, 5_000),
});
const crashEverything = (random: Random): Fault => ({ kind: 'crashEverything', forMs: random.between(500, 3_000) });
const loseTimers = (): Fault => ({ kind: 'loseTimers', timers: 'sleeping', forMs: 0 });
// Also the timers by which Temporal gives up a dead worker. A workflow that waits for one is brought along a minute
// later.
const loseAllTimers = (): Fault => ({ kind: 'loseTimers', timers: 'all', forMs: 0 });
const fillDisk = (random: Random): Fault => ({ kind: 'fillDisk', forMs: random.between(2_000, 6_000) });
const shiftClock = (random: Random): Fault => ({
  kind: 'shiftClock',
  seconds: random.oneOf([-90, 86_400]),
  forMs: random.between(3_000, 8_000),
});

// What a run of any length begins with, in an order of its own: every kind.
const EACH_ONCE = [
  zombie,
  temporalAway,
  killWorker,
  kill,
  pauseOne,
  breakLink,
  loseCommits,
  crashPostgres,
  crashTemporal,
  crashTemporalDatabase,
  loseTimers,
  fillDisk,
  shiftClock,
  crashEverything,
];
// What it goes on with, by share.
const AFTERWARDS = [
  ...Array(7).fill(kill),
  ...Array(7).fill(killWorker),
  ...Array(7).fill(breakLink),
  ...Array(5).fill(loseCommits),
  ...Array(3).fill(pauseOne),
  crashPostgres,
  crashPostgres,
  crashTemporal,
  crashTemporalDatabase,
  temporalAway,
  zombie,
  loseTimers,
  loseTimers,
  fillDisk,
  shiftClock,
  crashEverything,
];

/** The faults of a run, all of them healed a while before its end. */
export function faultsOf(random: Random, lengthMs: number): PlannedFault[] {
  const first = shuffled(random, EACH_ONCE);
  // Early, as it takes the longest to get over, but not before there is something to lose.
  first.splice(2, 0, loseAllTimers);
  const faults: PlannedFault[] = [];
  let atMs = QUIET_AT_FIRST_MS;
  while (atMs < lengthMs - QUIET_AT_LAST_MS) {
    const fault = (first.shift() ?? random.oneOf(AFTERWARDS))(random);
    if (atMs + fault.forMs < lengthMs - QUIET_AT_LAST_MS) faults.push({ atMs, ...fault });
    // Some overlap, most do not: a fault is to be seen through before the next hides it.
    const seenThroughMs = random.chance(0.3) ? 0 : Math.min(fault.forMs, SEEN_THROUGH_MS);
    atMs += seenThroughMs + random.between(1_000, 4_000);
  }
  return faults;
}

function shuffled<Item>(random: Random, items: Item[]): Item[] {
  const left = [...items];
  return items.map(() => left.splice(random.between(0, left.length - 1), 1)[0] as Item);
}
