import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';

/** Stands in the place of a payload that could not be decoded; no handler takes it for a command. */
const undecodable = Symbol.for('postdate.undecodable');

/**
 * The workflow worker's payload converter: never throws on what it reads.
 * Without it one signal with a broken payload, sent by whatever tool, throws inside the activation, the workflow
 * task is retried for ever, and the message never fires. What cannot be read becomes a refused command instead.
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
