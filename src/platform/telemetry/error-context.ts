import type { MessageRef } from '../../message/contract';

/** The message that a log line is about, with as many of its fields as are known. */
export type MessageContext = Pick<MessageRef, 'topic'> & Partial<MessageRef & { cycle: number }>;

/** Picks the fields that name a message, for a log line. */
export const messageFields = ({ topic, tenant, key, cycle }: MessageContext) => ({ topic, tenant, key, cycle });

const contexts = new WeakMap<object, object>();
const handlerErrors = new WeakSet<object>();

const isObject = (error: unknown): error is object => typeof error === 'object' && error !== null;

/** Remembers which message an error is about, and `moreFields`, for the log line that reports it. Returns the error. */
export function withErrorContext(error: unknown, message: MessageContext, moreFields: object = {}): unknown {
  if (isObject(error)) contexts.set(error, { ...messageFields(message), ...moreFields });
  return error;
}

/** The log fields remembered for an error; an empty object if there are none. */
export const errorContextOf = (error: unknown): object => (isObject(error) && contexts.get(error)) || {};

/** Marks an error as thrown by a handler: its message may repeat a payload, and is not logged. Returns the error. */
export function markHandlerError(error: unknown): unknown {
  if (isObject(error)) handlerErrors.add(error);
  return error;
}

/** Has an error count as another one's copy: the log is told the same about both. */
export function copyErrorContext(from: object, to: object): void {
  const context = contexts.get(from);
  if (context) contexts.set(to, context);
  if (handlerErrors.has(from)) handlerErrors.add(to);
}

export const isHandlerError = (error: unknown): boolean => isObject(error) && handlerErrors.has(error);
