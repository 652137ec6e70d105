import type { CanaryRound } from './rounds';
import type { Met } from './workers';

export interface Posted {
  tenant: string;
  key: string;
}

/** A round that was played, for whoever asks what became of it. */
export interface Played {
  round: CanaryRound;
  repetition: number;
  /** How often it was begun: a try that was not held in time is none. */
  tries: number;
  lane: string;
  /** What all of its keys begin with. */
  prefix: string;
  dueAt: number;
  posted: Posted[];
  /** The tenants that the rule is for. */
  chosen: string[];
  /** What the canary's handler was given. */
  met: Met[];
  /** The change of the lane's rules in it, if there was one. */
  changeId?: number;
  heldPerSecond: number;
}
