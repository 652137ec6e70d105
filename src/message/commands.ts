import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Outcome } from './decision';

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
/** Makes a message look at the clock, as any signal does. It changes nothing. */
export const wakeSignal = defineSignal('wake');
export const moveUpdate = defineUpdate<MoveAnswer, [MoveCommand]>('move');
