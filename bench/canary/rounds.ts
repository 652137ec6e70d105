import { setTimeout as pause } from 'node:timers/promises';
import type { BenchArgs } from '../harness/context';
import { words } from '../harness/options';
import { UsageError } from '../harness/usage-error';
import type { Conduct } from './topic';

/** What a round can do to a lane whose messages are held, or are landing. */
export interface LaneControls {
  kill(): void;
  /** Has the lane's rule name its tenants, or nobody; returns the change's id. */
  rule(whom: 'its tenants' | 'nobody'): Promise<number>;
  /** Stops the lane; returns the change's id. */
  stop(): Promise<number>;
  /** How many messages have landed in the lane. */
  landed(): Promise<number>;
}

export interface CanaryRound {
  /** As `--only` takes it, and its lane is called: one of its own, against which nothing is remembered. */
  id: string;
  /** As tables and charts show it. */
  title: string;
  /** For how many of the 20 tenants the rule is. */
  tenants: number;
  /** Whether the rule is there before anything is posted. */
  ruled: boolean;
  conduct?: Conduct;
  /** Into how many transactions the canary's messages are put; by default into as few as a worker does. */
  groups?: number;
  /** Which lane must have landed the messages of its tenants, in the end. `both`: some each, and none in the lane after the change. */
  landsIn: 'stable' | 'canary' | 'both';
  /** Whether the canary's handler must have been given messages. */
  meets: boolean;
  /** Whether the lane guard must have stopped the lane by itself. */
  guarded?: true;
  /** Alternates with others as often as `--repetitions` says. */
  repeated?: true;
  /** Done so long before the messages are due; a change of the lane's rules is returned by its id. */
  intervene?: { beforeDueMs: number; with(controls: LaneControls): Promise<number | undefined> };
}

export const TENANTS = Array.from({ length: 20 }, (_, nth) => `tenant-${String(nth + 1).padStart(2, '0')}`);

const TWO = { tenants: 2, ruled: true } as const;
// Several, so that there is a middle to be stopped in: ten turns of the worker's two transactions.
const SLOW_GROUPS = 20;
const LOOK_MS = 10;
// By then stable has landed what the lane has not; the round's checks will say so.
const LOOK_FOR_MS = 5_000;

/** Waits until the lane has landed something, and has it stopped. */
async function stopOnceLanding(controls: LaneControls): Promise<number> {
  for (let lookedMs = 0; lookedMs < LOOK_FOR_MS && (await controls.landed()) === 0; lookedMs += LOOK_MS) {
    await pause(LOOK_MS);
  }
  return controls.stop();
}

/** In their order: those that are compared, then those that go wrong, then those whose rules change. */
export const ROUNDS: CanaryRound[] = [
  { id: 'no-lanes', title: 'no lanes', tenants: 2, ruled: false, landsIn: 'stable', meets: false, repeated: true },
  { id: 'healthy', title: 'healthy canary', ...TWO, landsIn: 'canary', meets: true, repeated: true },
  {
    id: 'killed',
    title: 'canary killed 1 s before',
    ...TWO,
    landsIn: 'stable',
    meets: false,
    guarded: true,
    intervene: { beforeDueMs: 1_000, with: async ({ kill }) => void kill() },
  },
  { id: 'hangs', title: 'canary hangs', ...TWO, conduct: 'hangs', landsIn: 'stable', meets: true, guarded: true },
  { id: 'throws', title: 'canary throws', ...TWO, conduct: 'throws', landsIn: 'stable', meets: true, guarded: true },
  {
    id: 'answers-wrongly',
    title: 'canary answers wrongly',
    ...TWO,
    conduct: 'answersWrongly',
    landsIn: 'stable',
    meets: true,
    guarded: true,
  },
  {
    id: 'to-stable',
    title: 'sent to stable 5 s before',
    ...TWO,
    landsIn: 'stable',
    meets: false,
    intervene: { beforeDueMs: 5_000, with: ({ rule }) => rule('nobody') },
  },
  {
    id: 'to-canary',
    title: 'sent to the canary 5 s before',
    tenants: 2,
    ruled: false,
    landsIn: 'canary',
    meets: true,
    intervene: { beforeDueMs: 5_000, with: ({ rule }) => rule('its tenants') },
  },
  {
    id: 'stopped',
    title: 'stopped in the middle of its landing',
    tenants: 10,
    ruled: true,
    conduct: 'landsSlowly',
    groups: SLOW_GROUPS,
    landsIn: 'both',
    meets: true,
    intervene: { beforeDueMs: 0, with: stopOnceLanding },
  },
];

/** The rounds that `--only` names, or all. Throws when it names one that there is not. */
export function chosen(args: BenchArgs): CanaryRound[] {
  const only = words(args, 'only') ?? ROUNDS.map(({ id }) => id);
  const unknown = only.filter((name) => !ROUNDS.some(({ id }) => id === name));
  if (unknown.length === 0) return ROUNDS.filter(({ id }) => only.includes(id));
  throw new UsageError(`--only: no round ${unknown.join(', ')}. There are: ${ROUNDS.map(({ id }) => id).join(', ')}`);
}

/** Those that are compared by turns, as often as asked for, and the others once. */
export function inOrder(rounds: CanaryRound[], repetitions: number): { round: CanaryRound; repetition: number }[] {
  const compared = rounds.filter(({ repeated }) => repeated);
  const once = rounds.filter(({ repeated }) => !repeated);
  const turns = Array.from({ length: repetitions }, (_, turn) =>
    // In changing order: whatever comes first after a pause must not always be the same.
    (turn % 2 === 0 ? compared : [...compared].reverse()).map((round) => ({ round, repetition: turn + 1 })),
  );
  return [...turns.flat(), ...once.map((round) => ({ round, repetition: 1 }))];
}
