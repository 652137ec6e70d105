import { defaultPayloadConverter, type Payload, type PayloadConverter } from '@temporalio/common';
import { encodedOf, isUndecodable, undecodable } from '../message/decoding';
import { isDeeperThan } from '../message/size';
import { tolerateActivations } from './tolerant-activation';

// The SDK loads this module in each run before it reads anything else.
tolerateActivations();

// No message, command or memo is so deep. V8's parser reads any depth, but its writers end with an overflow.
const MAX_READ_DEPTH = 500;

/**
 * The payload converter of the workflow worker. It never throws on what it reads. Without it, one broken payload from
 * any tool would throw inside the activation: the workflow task would be retried without end, and the message would
 * never fire. An unreadable signal becomes a refused command, an unreadable message ends in sight, and an unreadable
 * value of the memo goes on to the next run as it came.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: (value) => (isUndecodable(value) ? encodedOf(value) : defaultPayloadConverter.toPayload(value)),
  fromPayload: <T>(payload: Payload): T => {
    // Its value could be neither cloned nor written again.
    if (payload.data && isDeeperThan(MAX_READ_DEPTH, payload.data)) return undecodable(payload) as T;
    try {
      return defaultPayloadConverter.fromPayload<T>(payload);
    } catch {
      return undecodable(payload) as T;
    }
  },
};
