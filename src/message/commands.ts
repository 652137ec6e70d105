import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Decision, Outcome } from './decision';

/** The commands that a producer can send. */
export const COMMANDS = ['schedule', 'cancel', 'move'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** A repeated `commandId` is the same command: it gets the first answer. */
export interface CancelCommand {
  commandId: string;
  reason?: string;
}

/**
 * `dueAt` in epoch ms or RFC 3339. `cycle`: the cycle that the move creates; stale if the message has reached it.
 * `expectedCycle`: the cycle that it moves; stale if another one waits.
 */
export interface MoveCommand {
  commandId: string;
  dueAt: number | string;
  cycle?: number;
  expectedCycle?: number;
  /** True: it may be due before the year 2000. */
  dueBefore2000?: boolean;
}

/** The ledger has decided before: how, and when (RFC 3339). */
export interface TooLate {
  result: 'tooLate';
  outcome: Outcome;
  firedAt: string;
}
export type CancelAnswer = { result: 'cancelled' } | TooLate;
export type MoveAnswer =
  | { result: 'moved'; dueAt: string; cycle: number }
  | { result: 'stale'; cycle: number }
  | TooLate;

/** What a worker tells the run of a message that it has landed without it. `dueAt` and `postId` are those of that message. */
export interface Landed {
  decision: Decision;
  dueAt: number;
  postId?: string;
}

/** An answered command, carried through continue-as-new, so that a late repeat is still recognised. */
export interface AppliedCommand {
  commandId: string;
  answer: CancelAnswer | MoveAnswer;
}

// A signal and an update have the same name. The update answers; the signal is durable when no worker is there to
// answer.
export const cancelSignal = defineSignal<[CancelCommand]>('cancel');
export const cancelUpdate = defineUpdate<CancelAnswer, [CancelCommand]>('cancel');
export const moveSignal = defineSignal<[MoveCommand]>('move');
/**
 * Makes a message look at the clock, as any signal does. With the ledger's decision on its present cycle it goes on as after a
 * delivery; workers of earlier releases look at the clock only, and then ask for that decision.
 */
export const wakeSignal = defineSignal<[Landed?]>('wake');
export const moveUpdate = defineUpdate<MoveAnswer, [MoveCommand]>('move');
