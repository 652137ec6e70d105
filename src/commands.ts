import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Outcome } from './decision';

/** What a producer can want of a message. */
export const COMMANDS = ['schedule', 'cancel', 'move'] as const;
export type CommandName = (typeof COMMANDS)[number];

/** A repeated `commandId` is the same command; the first answer is given again. */
export interface CancelCommand {
  commandId: string;
  reason?: string;
}

/**
 * `dueAt` in epoch ms or RFC 3339. `cycle`: which cycle the move makes; stale when the message has reached it.
 * `expectedCycle`: which cycle it moves; stale when another one waits.
 */
export interface MoveCommand {
  commandId: string;
  dueAt: number | string;
  cycle?: number;
  expectedCycle?: number;
}

/** The ledger had decided before: when, and how. RFC 3339. */
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

/** An answered command, carried through continue-as-new so that a late repeat is still a repeat. */
export interface AppliedCommand {
  commandId: string;
  answer: CancelAnswer | MoveAnswer;
}

// A signal and an update of one name: the update answers, the signal is durable when no worker is there to answer.
export const cancelSignal = defineSignal<[CancelCommand]>('cancel');
export const cancelUpdate = defineUpdate<CancelAnswer, [CancelCommand]>('cancel');
export const moveSignal = defineSignal<[MoveCommand]>('move');
/** Has a message look at the clock, which it does whenever anything reaches it; changes nothing. */
export const wakeSignal = defineSignal('wake');
export const moveUpdate = defineUpdate<MoveAnswer, [MoveCommand]>('move');
