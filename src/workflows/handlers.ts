import {
  ApplicationFailure,
  currentUpdateInfo,
  defineSignal,
  patched,
  setDefaultSignalHandler,
  setHandler,
} from '@temporalio/workflow';
import { cancelSignal, cancelUpdate, moveSignal, moveUpdate, wakeSignal } from '../message/commands';
import { errorNames, messageQuery } from '../message/contract';
import type { Refusal } from '../message/refusal';
import type { createCommandRunner } from './apply-commands';
import type { MessageState } from './message-state';
import { type ParsedCommand, parseCancel, parseMove } from './parse-command';

/** The failure that tells a caller which field of its input is wrong. It is never retried. */
export const invalid = (refusal: Refusal) =>
  ApplicationFailure.nonRetryable(`${refusal.field}: ${refusal.message}`, errorNames.invalidMessage, refusal);

function acceptOrThrow<Command>(parsed: ParsedCommand<Command>): Command {
  if ('refusal' in parsed) throw invalid(parsed.refusal);
  return parsed.command;
}

/**
 * Registers all handlers. Call it before the first `await`: the SDK parks a signal without a handler, and drops it at
 * continue-as-new.
 */
export function registerHandlers(
  { view, recordRefusal }: MessageState,
  commands: ReturnType<typeof createCommandRunner>,
): void {
  const cancelOf = (raw: unknown) => acceptOrThrow(parseCancel(raw, currentUpdateInfo()?.id));
  const moveOf = (raw: unknown) => acceptOrThrow(parseMove(raw, Date.now(), currentUpdateInfo()?.id));

  async function applyOrRefuse<Command>(
    parsed: ParsedCommand<Command>,
    apply: (command: Command) => Promise<unknown>,
  ): Promise<void> {
    if ('refusal' in parsed) recordRefusal(`${parsed.refusal.field}: ${parsed.refusal.message}`);
    else await apply(parsed.command);
  }

  const signals = new Map<string, { handle(raw: unknown): Promise<void> | void; description: string }>([
    [
      cancelSignal.name,
      {
        handle: (raw) => applyOrRefuse(parseCancel(raw), commands.cancel),
        description: 'Cancel, without an answer: {commandId?, reason?}',
      },
    ],
    [
      moveSignal.name,
      {
        handle: (raw) => applyOrRefuse(parseMove(raw, Date.now()), commands.move),
        description: 'Move to another due time, without an answer: {dueAt, commandId?, cycle?, expectedCycle?}',
      },
    ],
    [wakeSignal.name, { handle: () => undefined, description: 'Look at the clock; changes nothing' }],
  ]);

  // Signals may arrive before the run's first task. Without a default handler, the SDK dispatches them in the order in
  // which handlers are registered, not in the order of their arrival. The default handler also runs before any update,
  // and the update's caller may have sent a signal earlier.
  const early: { name: string; raw: unknown }[] = [];
  setDefaultSignalHandler((name, raw) => {
    const signal = signals.get(name);
    if (!signal) return recordRefusal(`unknown signal ${name}`);
    // 0.4.0, 2026-11-27. `patched` is called only where it matters, because it writes a marker into the history.
    if (name === wakeSignal.name || patched('early-commands-in-order')) return signal.handle(raw);
    early.push({ name, raw });
  });

  setHandler(messageQuery, view, { description: 'The message as it stands' });
  setHandler(cancelUpdate, (raw) => commands.cancel(cancelOf(raw)), {
    validator: (raw) => void cancelOf(raw),
    description: 'Cancel and learn whether it was in time: {commandId?, reason?}',
  });
  setHandler(moveUpdate, (raw) => commands.move(moveOf(raw)), {
    validator: (raw) => void moveOf(raw),
    description: 'Move and learn whether it was in time: {dueAt, commandId?, cycle?, expectedCycle?}',
  });
  for (const [name, { handle, description }] of signals) {
    // As before 0.4.0: a cancel before a move, in whichever order they were sent.
    for (const { raw } of early.filter((signal) => signal.name === name)) void handle(raw);
    setHandler(defineSignal<[unknown]>(name), handle, { description });
  }
}
