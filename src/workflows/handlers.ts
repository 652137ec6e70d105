import {
  currentUpdateInfo,
  defineSignal,
  patched,
  setDefaultSignalHandler,
  setHandler,
  uuid4,
} from '@temporalio/workflow';
import { cancelSignal, cancelUpdate, moveSignal, moveUpdate, wakeSignal } from '../message/commands';
import { messageQuery } from '../message/contract';
import { invalid } from '../message/invalid-failure';
import type { Refusal } from '../message/refusal';
import type { createCommandRunner } from './apply-commands';
import type { MessageState } from './message-state';
import { type ParsedCommand, parseCancel, parseMove, type Rules } from './parse-command';
import { refusalIn } from './refusal-in';

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
  onWake: (sent: unknown) => void,
): void {
  // A validator refuses by the present rules, and is not asked at a replay. The handler then obeys whatever was accepted.
  const updateId = () => currentUpdateInfo()?.id as string;
  const cancelOf = (raw: unknown, rules: Rules) => acceptOrThrow(parseCancel(raw, updateId(), rules));
  const moveOf = (raw: unknown, rules: Rules) => acceptOrThrow(parseMove(raw, Date.now(), updateId(), rules));
  const refuse = ({ field, message }: Refusal) => recordRefusal(`${field}: ${message}`);

  async function applyOrRefuse<Command>(
    parse: (ownId: string, rules: Rules) => ParsedCommand<Command>,
    apply: (command: Command) => Promise<unknown>,
  ): Promise<void> {
    // Each command typed by hand is meant once, so it gets an id of its own. A second id would change a replay.
    const ownId = uuid4();
    const parsed = parse(ownId, 'present');
    const before = 'refusal' in parsed ? parse(ownId, 'before060') : parsed;
    // 0.6.0, 2026-11-30. Older releases have obeyed some commands that are refused now.
    const obeyed = before === parsed || 'refusal' in before || patched('malformed-commands-refused') ? parsed : before;
    if ('refusal' in obeyed) return refuse(obeyed.refusal);
    try {
      await apply(obeyed.command);
    } catch (error) {
      // The ledger cannot take it. A failing signal would end the message.
      const refusal = refusalIn(error);
      if (!refusal) throw error;
      refuse(refusal);
    }
  }

  const signals = new Map<string, { handle(raw: unknown): Promise<void> | void; description: string }>([
    [
      cancelSignal.name,
      {
        handle: (raw) => applyOrRefuse((ownId, rules) => parseCancel(raw, ownId, rules), commands.cancel),
        description: 'Cancel, without an answer: {commandId?, reason?}',
      },
    ],
    [
      moveSignal.name,
      {
        handle: (raw) => applyOrRefuse((ownId, rules) => parseMove(raw, Date.now(), ownId, rules), commands.move),
        description: 'Move to another due time, without an answer: {dueAt, commandId?, cycle?, expectedCycle?}',
      },
    ],
    [
      wakeSignal.name,
      { handle: onWake, description: 'Look at the clock; changes nothing, unless a worker sends the decision with it' },
    ],
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
  setHandler(cancelUpdate, (raw) => commands.cancel(cancelOf(raw, 'before060')), {
    validator: (raw) => void cancelOf(raw, 'present'),
    description: 'Cancel and learn whether it was in time: {commandId?, reason?}',
  });
  setHandler(moveUpdate, (raw) => commands.move(moveOf(raw, 'before060')), {
    validator: (raw) => void moveOf(raw, 'present'),
    description: 'Move and learn whether it was in time: {dueAt, commandId?, cycle?, expectedCycle?}',
  });
  for (const [name, { handle, description }] of signals) {
    // As before 0.4.0: a cancel before a move, in whichever order they were sent.
    for (const { raw } of early.filter((signal) => signal.name === name)) void handle(raw);
    setHandler(defineSignal<[unknown]>(name), handle, { description });
  }
}
