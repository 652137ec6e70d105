import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/** Replaces a payload that could not be decoded. No handler takes it for a command. */
const undecodable = Symbol.for('postdate.undecodable');

/**
 * The payload converter of the workflow worker. It never throws on what it reads. Without it, one signal with a broken
 * payload, from any tool, would throw inside the activation: the workflow task would be retried without end, and the
 * message would never fire. An unreadable payload becomes a refused command instead.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => defaultPayloadConverter.toPayload(value),
  fromPayload: <T>(payload: Payload): T => {
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch {
      return undecodable as T;
    }
  },
};
