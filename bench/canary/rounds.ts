import { setTimeout as pause } from 'node:timers/promises';
import type { BenchArgs } from '../harness/context';
import { words } from '../harness/options';
import { UsageError } from '../harness/usage-error';
import type { Conduct } from './topic';

/** What a round can do to a lane while its messages are held or landing. */
export interface LaneControls {
  kill(): void;
  /** Sets the lane's rule to its tenants, or to no tenant. Returns the change's id. */
  rule(whom: 'its tenants' | 'nobody'): Promise<number>;
  /** Stops the lane; returns the change's id. */
  stop(): Promise<number>;
  /** How many messages have landed in the lane. */
  landed(): Promise<number>;
}

export interface CanaryRound {
  /** The name for `--only`, and of the round's own lane. A new lane has no earlier failures or stops. */
  id: string;
  /** The name in tables and charts. */
  title: string;
  /** For how many of the 20 tenants the rule is. */
  tenants: number;
  /** Whether the rule exists before anything is posted. */
  ruled: boolean;
  conduct?: Conduct;
  /** Into how many transactions the canary's messages are divided. Default: as few as a worker makes. */
  groups?: number;
  /**
   * Which lane must have landed the messages of its tenants in the end. `both`: each some of them, and the lane none
   * after the change.
   */
  landsIn: 'stable' | 'canary' | 'both';
  /** Whether the canary's handler must have been given messages. */
  meets: boolean;
  /** Whether the lane guard must have stopped the lane by itself. */
  guarded?: true;
  /** Repeated as often as `--repetitions` says, alternating with other such rounds. */
  repeated?: true;
  /** Runs so long before the messages are due. A change of the lane's rules returns its id. */
  intervene?: { beforeDueMs: number; with(controls: LaneControls): Promise<number | undefined> };
}

export const TENANTS = Array.from({ length: 20 }, (_, nth) => `tenant-${String(nth + 1).padStart(2, '0')}`);

const TWO = { tenants: 2, ruled: true } as const;
// Several groups, so that the lane can be stopped in the middle: ten turns of the worker's two transactions.
const SLOW_GROUPS = 20;
const LOOK_MS = 10;
// By then stable has landed what the lane has not, and the round's checks will say so.
const LOOK_FOR_MS = 5_000;

/** Waits until the lane has landed something, then stops it. */
async function stopOnceLanding(controls: LaneControls): Promise<number> {
  for (let lookedMs = 0; lookedMs < LOOK_FOR_MS && (await controls.landed()) === 0; lookedMs += LOOK_MS) {
    await pause(LOOK_MS);
  }
  return controls.stop();
}

/** In their order: the compared rounds, the rounds that go wrong, and the rounds with a change of rules. */
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

/** The rounds that `--only` names, or all. Throws if a name is unknown. */
export function chosen(args: BenchArgs): CanaryRound[] {
  const only = words(args, 'only') ?? ROUNDS.map(({ id }) => id);
  const unknown = only.filter((name) => !ROUNDS.some(({ id }) => id === name));
  if (unknown.length === 0) return ROUNDS.filter(({ id }) => only.includes(id));
  throw new UsageError(`--only: no round ${unknown.join(', ')}. There are: ${ROUNDS.map(({ id }) => id).join(', ')}`);
}

/** The compared rounds alternate, as often as asked for. The others come once. */
export function inOrder(rounds: CanaryRound[], repetitions: number): { round: CanaryRound; repetition: number }[] {
  const compared = rounds.filter(({ repeated }) => repeated);
  const once = rounds.filter(({ repeated }) => !repeated);
  const turns = Array.from({ length: repetitions }, (_, turn) =>
    // The order alternates, so that it is not always the same round that comes first after a pause.
    (turn % 2 === 0 ? compared : [...compared].reverse()).map((round) => ({ round, repetition: turn + 1 })),
  );
  return [...turns.flat(), ...once.map((round) => ({ round, repetition: 1 }))];
}
