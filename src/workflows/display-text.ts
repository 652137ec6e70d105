import type { MessageView, ScheduledMessage } from '../message/contract';
import type { Decision, Ending } from '../message/decision';
import { rfc3339 } from '../message/due-time';

/** The summary of a timer or an activity in the Web UI's history. The server allows 400 bytes. */
export const summaryOf = ({ dueAt, cycle }: ScheduledMessage): string => `cycle ${cycle}, due ${rfc3339(dueAt)}`;

/** Markdown for the Web UI's current details. It is not in the history, so its wording may change freely. */
export function currentDetails({ message, state, ending, refusals, lastRefusal, lastCommand }: MessageView): string {
  const lines = [
    `**${ending ? ending.outcome : state}**: \`${message.topic}\` for \`${message.tenant}\` / \`${message.key}\``,
    `due ${rfc3339(message.dueAt)}, cycle ${message.cycle}`,
  ];
  if (ending) lines.push(`decided ${ending.decidedAt}${ending.reason ? `: ${ending.reason}` : ''}`);
  if (lastCommand) lines.push(`last command: ${lastCommand.answer.result}, by ${lastCommand.commandId}`);
  if (refusals > 0) lines.push(`refused commands: ${refusals}, the last: ${lastRefusal}`);
  return lines.join('\n\n');
}

/** A decision as callers see it, with its instant in RFC 3339. */
export const endingOf = ({ outcome, cycle, decidedAt, reason, commandId }: Decision): Ending => ({
  outcome,
  cycle,
  decidedAt: rfc3339(decidedAt),
  reason,
  commandId,
});
