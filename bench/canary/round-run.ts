import type { CanaryRound } from './rounds';
import type { Met } from './workers';

export interface Posted {
  tenant: string;
  key: string;
}

/** One run of a round, with all that its checks need. */
export interface RoundRun {
  round: CanaryRound;
  repetition: number;
  /** How many tries it took. A try whose messages were not held in time does not count. */
  tries: number;
  lane: string;
  /** The prefix of all its keys. */
  prefix: string;
  dueAt: number;
  posted: Posted[];
  /** The tenants that the rule is for. */
  chosen: string[];
  /** The messages that the canary's handler was given. */
  met: Met[];
  /** The id of the round's change of the lane's rules, if there was one. */
  changeId?: number;
  heldPerSecond: number;
}
