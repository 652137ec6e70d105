import { ApplicationFailure, currentUpdateInfo, setDefaultSignalHandler, setHandler } from '@temporalio/workflow';
import type { Refusal } from '../admission';
import { cancelSignal, cancelUpdate, moveSignal, moveUpdate, wakeSignal } from '../commands';
import { errorNames, messageQuery } from '../contract';
import type { takeCommands } from './commands';
import { type Read, readCancel, readMove } from './incoming';
import type { Standing } from './standing';

/** The failure that tells a caller which field of its input was wrong; it never retries. */
export const invalid = (refusal: Refusal) =>
  ApplicationFailure.nonRetryable(`${refusal.field}: ${refusal.message}`, errorNames.invalidMessage, refusal);

function accepted<Command>(read: Read<Command>): Command {
  if ('refusal' in read) throw invalid(read.refusal);
  return read.command;
}

/**
 * Registers every handler. Call it before the first `await`: a signal without a handler is parked by the SDK and
 * dropped at continue-as-new.
 */
export function listen({ view, refuse }: Standing, commands: ReturnType<typeof takeCommands>): void {
  const cancelOf = (raw: unknown) => accepted(readCancel(raw, currentUpdateInfo()?.id));
  const moveOf = (raw: unknown) => accepted(readMove(raw, Date.now(), currentUpdateInfo()?.id));

  async function obey<Command>(read: Read<Command>, apply: (command: Command) => Promise<unknown>): Promise<void> {
    if ('refusal' in read) refuse(`${read.refusal.field}: ${read.refusal.message}`);
    else await apply(read.command);
  }

  setHandler(messageQuery, view, { description: 'The message as it stands' });
  setHandler(cancelUpdate, (raw) => commands.cancel(cancelOf(raw)), {
    validator: (raw) => void cancelOf(raw),
    description: 'Cancel and learn whether it was in time: {commandId?, reason?}',
  });
  setHandler(moveUpdate, (raw) => commands.move(moveOf(raw)), {
    validator: (raw) => void moveOf(raw),
    description: 'Move and learn whether it was in time: {dueAt, commandId?, cycle?, expectedCycle?}',
  });
  setHandler(cancelSignal, (raw) => obey(readCancel(raw), commands.cancel), {
    description: 'Cancel, without an answer: {commandId?, reason?}',
  });
  setHandler(moveSignal, (raw) => obey(readMove(raw, Date.now()), commands.move), {
    description: 'Move to another due time, without an answer: {dueAt, commandId?, cycle?, expectedCycle?}',
  });
  setHandler(wakeSignal, () => undefined, { description: 'Look at the clock; changes nothing' });
  setDefaultSignalHandler((name) => refuse(`unknown signal ${name}`));
}
