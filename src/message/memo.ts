import type { MessageRef, ScheduledMessage } from './contract';
import { recordOf } from './decoding';
import { fieldsOfMessage, refuseMessage } from './read-message';

/** The field of a run's memo that has its message. Lists of Temporal carry memos, so one request brings many messages. */
export const MESSAGE_IN_MEMO = 'message';

// As JSON. Temporal keeps a memo in three places: a larger message is read from its history, when it is needed.
const MAX_BYTES = 2 * 1024;
const utf8 = new TextEncoder();

/** The memo of a message's run, beside the id of the command that posted it. A large message is left out. */
export function memoOf(message: ScheduledMessage): { cycle: number; [MESSAGE_IN_MEMO]?: object } {
  const { topic: _topic, tenant: _tenant, key: _key, ...fields } = message;
  const { cycle } = message;
  const isSmall = utf8.encode(JSON.stringify(fields)).length <= MAX_BYTES;
  return isSmall ? { cycle, [MESSAGE_IN_MEMO]: fields } : { cycle };
}

/**
 * The message that a memo carries, whatever was found there; undefined if no workflow would take it. It is the message that the
 * workflow's id names, as a memo cannot say another one.
 */
export function messageOfMemo(raw: unknown, { topic, tenant, key }: MessageRef, nowMs: number) {
  const fields = recordOf(raw);
  if (!fields) return undefined;
  const message = fieldsOfMessage({ ...fields, topic, tenant, key });
  return refuseMessage(message, nowMs) ? undefined : message;
}
