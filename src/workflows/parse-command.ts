import { uuid4 } from '@temporalio/workflow';
import { refuseCommandId, refuseCycle, refuseDueAt } from '../message/admission';
import type { CancelCommand, MoveCommand } from '../message/commands';
import { epochMsOf } from '../message/due-time';
import type { Refusal } from '../message/refusal';

/** A move after its due time was parsed into epoch ms. */
export interface DatedMove extends MoveCommand {
  dueAt: number;
}

export type ParsedCommand<Command> = { command: Command } | { refusal: Refusal };

const fieldsOf = (raw: unknown): Record<string, unknown> =>
  typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>) : {};

// A command typed by hand in the Web UI has no id. Each such command is meant once, so each gets an id of its own.
const commandIdOf = (fields: Record<string, unknown>, ownId: string = uuid4()): unknown => fields.commandId ?? ownId;

/** Parses a cancel. Any input is a cancel, even an empty one. */
export function parseCancel(raw: unknown, ownId?: string): ParsedCommand<CancelCommand> {
  const fields = fieldsOf(raw);
  const commandId = commandIdOf(fields, ownId);
  const refusal = refuseCommandId(commandId);
  if (refusal) return { refusal };
  const reason = typeof fields.reason === 'string' ? fields.reason.slice(0, 500) : undefined;
  return { command: { commandId: commandId as string, reason } };
}

/** Parses a move. Without a usable due time it is refused. */
export function parseMove(raw: unknown, nowMs: number, ownId?: string): ParsedCommand<DatedMove> {
  const fields = fieldsOf(raw);
  const commandId = commandIdOf(fields, ownId);
  const dueAt = epochMsOf(fields.dueAt);
  const { cycle, expectedCycle } = cyclesOf(fields);
  const refusal =
    refuseCommandId(commandId) ??
    refuseDueAt(dueAt, nowMs) ??
    (cycle === undefined ? undefined : refuseCycle(cycle)) ??
    (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle'));
  if (refusal) return { refusal };
  return { command: { commandId: commandId as string, dueAt, cycle, expectedCycle } };
}

// Other languages write null for an absent field.
const cyclesOf = ({ cycle, expectedCycle }: Record<string, unknown>) => ({
  cycle: (cycle ?? undefined) as number | undefined,
  expectedCycle: (expectedCycle ?? undefined) as number | undefined,
});
