import type { MessageRef } from './contract';

/** What a line of the log says of the message that it is about: as much of its name as is known. */
export type Concern = Pick<MessageRef, 'topic'> & Partial<MessageRef & { cycle: number }>;

/** The fields that name a message, of whatever carries them. */
export const named = ({ topic, tenant, key, cycle }: Concern) => ({ topic, tenant, key, cycle });

const concerns = new WeakMap<object, object>();
const ofHandlers = new WeakSet<object>();

const isObject = (error: unknown): error is object => typeof error === 'object' && error !== null;

/** Notes which message, and what else, an error is about, for the line that will tell of it. Returns the error. */
export function concerning(error: unknown, concern: Concern, more: object = {}): unknown {
  if (isObject(error)) concerns.set(error, { ...named(concern), ...more });
  return error;
}

/** What has been noted of an error; nothing of one that concerns no message. */
export const concernOf = (error: unknown): object => (isObject(error) && concerns.get(error)) || {};

/** Notes that an error was thrown by a handler, and may say anything. Returns the error. */
export function byHandler(error: unknown): unknown {
  if (isObject(error)) ofHandlers.add(error);
  return error;
}

export const isByHandler = (error: unknown): boolean => isObject(error) && ofHandlers.has(error);
