import { refuseCommandId, refuseCycle, refuseDueAt, refuseInstant, refuseNamedCycle } from '../message/admission';
import type { CancelCommand, MoveCommand } from '../message/commands';
import { isUndecodable, recordOf, withoutNulls } from '../message/decoding';
import { epochMsOf } from '../message/due-time';
import type { Refusal } from '../message/refusal';

/** A move after its due time was parsed into epoch ms. */
export interface DatedMove extends MoveCommand {
  dueAt: number;
}

export type ParsedCommand<Command> = { command: Command } | { refusal: Refusal };

/**
 * How a command is parsed. `before060` is what releases before 0.6.0 obeyed: their histories are replayed by it, and
 * nothing else.
 */
export type Rules = 'present' | 'before060';

/**
 * Parses a cancel. Nothing at all is a cancel, as the Web UI sends it; a value that is no object, or cannot be decoded,
 * is refused. A command typed by hand has no id: `ownId` is then its own.
 */
export function parseCancel(raw: unknown, ownId: string, rules: Rules = 'present'): ParsedCommand<CancelCommand> {
  const fields = fieldsOf(raw);
  const commandId = fields.commandId ?? ownId;
  const refusal =
    (rules === 'present' ? refuseShape(raw) : undefined) ??
    refuseCommandId(commandId) ??
    (rules === 'present' ? refuseReason(fields.reason) : undefined);
  if (refusal) return { refusal };
  const reason = typeof fields.reason === 'string' ? fields.reason.slice(0, 500) : undefined;
  return { command: { commandId: commandId as string, reason } };
}

/** Parses a move. Without a usable due time it is refused. */
export function parseMove(
  raw: unknown,
  nowMs: number,
  ownId: string,
  rules: Rules = 'present',
): ParsedCommand<DatedMove> {
  const fields = fieldsOf(raw);
  const commandId = fields.commandId ?? ownId;
  const dueAt = epochMsOf(fields.dueAt);
  const { cycle, expectedCycle, dueBefore2000 } = fields as Partial<MoveCommand>;
  const refusal =
    refuseCommandId(commandId) ??
    (rules === 'present' ? refuseDueAt({ dueAt, dueBefore2000 }, nowMs) : refuseInstant(dueAt, nowMs)) ??
    (cycle === undefined ? undefined : rules === 'present' ? refuseNamedCycle(cycle) : refuseCycle(cycle)) ??
    (expectedCycle === undefined ? undefined : refuseCycle(expectedCycle, 'expectedCycle'));
  if (refusal) return { refusal };
  return { command: { commandId: commandId as string, dueAt, cycle, expectedCycle } };
}

// Other languages write null for an absent field.
const fieldsOf = (raw: unknown): Record<string, unknown> => withoutNulls(recordOf(raw) ?? {});

function refuseShape(raw: unknown): Refusal | undefined {
  if (isUndecodable(raw)) return { code: 'undecodable', field: 'command', message: 'cannot be decoded by this worker' };
  if (raw === undefined || raw === null || recordOf(raw)) return undefined;
  return { code: 'invalidCommand', field: 'command', message: 'must be an object' };
}

const refuseReason = (reason: unknown): Refusal | undefined =>
  reason === undefined || typeof reason === 'string'
    ? undefined
    : { code: 'invalidReason', field: 'reason', message: 'must be a text' };
