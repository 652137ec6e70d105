import type { MessageView, ScheduledMessage } from '../contract';
import type { Decision, Ending } from '../decision';
import { rfc3339 } from '../due-time';

/** A timer's or an activity's line in the Web UI's history. The server allows 400 bytes. */
export const summaryOf = ({ dueAt, cycle }: ScheduledMessage): string => `cycle ${cycle}, due ${rfc3339(dueAt)}`;

/** Markdown for the Web UI's current details. Not in history, so its wording may change freely. */
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

/** The decision as everyone outside sees it. */
export const endingOf = ({ outcome, cycle, decidedAt, reason, commandId }: Decision): Ending => ({
  outcome,
  cycle,
  decidedAt: rfc3339(decidedAt),
  reason,
  commandId,
});
