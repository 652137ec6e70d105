import { nanoid } from 'nanoid';
import { refuseCommandId, refuseCycle, refuseDueAt, refuseNamedCycle } from '../message/admission';
import type { CancelCommand, MoveCommand } from '../message/commands';
import { epochMsOf, type InstantInput } from '../message/due-time';
import type { Refusal } from '../message/refusal';

/** A move as a caller asks for it. With `dueBefore2000` it may be due before the year 2000. */
export type MoveInput = Omit<MoveCommand, 'commandId' | 'dueAt'> & { dueAt: InstantInput; commandId?: string };

/** A cancel with an id. Null counts as absent. */
export const cancelCommandOf = ({ commandId, reason }: Partial<CancelCommand>): CancelCommand => ({
  commandId: commandId ?? nanoid(),
  reason: reason ?? undefined,
});

/** A move with an id, and its due time in epoch ms. Null counts as absent. */
export const moveCommandOf = ({ dueAt, cycle, expectedCycle, commandId, dueBefore2000 }: MoveInput) => ({
  commandId: commandId ?? nanoid(),
  dueAt: epochMsOf(dueAt),
  cycle: cycle ?? undefined,
  expectedCycle: expectedCycle ?? undefined,
  dueBefore2000: dueBefore2000 ?? undefined,
});

/** Why a move is refused. */
export const refuseMove = (move: ReturnType<typeof moveCommandOf>): Refusal | undefined =>
  refuseCommandId(move.commandId) ??
  refuseDueAt(move, Date.now()) ??
  (move.cycle === undefined ? undefined : refuseNamedCycle(move.cycle)) ??
  (move.expectedCycle === undefined ? undefined : refuseCycle(move.expectedCycle, 'expectedCycle'));
