import { patched, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { type ScheduledMessage, searchAttributesOf } from '../message/contract';

/**
 * Puts the search attributes right if the message was started without them, or with others. Operators' lists select by
 * them. Clients of ours always give them, so such a message costs no command.
 */
export function rightSearchAttributes(message: ScheduledMessage): void {
  const wrong = searchAttributesOf(message).filter(({ key: { name }, value }) => !isShown(name, value));
  // 0.6.0, 2026-11-30. A message that was started before sleeps on as it is, and gets them with its next run.
  if (wrong.length > 0 && patched('right-search-attributes')) upsertSearchAttributes(wrong);
}

/**
 * Whether the run shows this value. The untyped attributes are asked, though deprecated: a typed one is there only if
 * the client has written its type, and that must not change what a replay does.
 */
function isShown(name: string, value: string | Date): boolean {
  const [shown, ...others] = workflowInfo().searchAttributes[name] ?? [];
  if (others.length > 0 || shown === undefined || shown === null) return false;
  return value instanceof Date ? new Date(shown as string).getTime() === value.getTime() : shown === value;
}
