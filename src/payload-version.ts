import type { Refusal } from './admission';
import type { ScheduledMessage } from './contract';
import type { Topic } from './topic';

/** Which form of its payload a message, or a topic, has. */
export const versionOf = ({ payloadVersion = 1 }: { payloadVersion?: number }) => payloadVersion;

/** The payload in the topic's present form, whatever form it was posted in, perhaps years ago. */
export function upcast(
  topic: Pick<Topic, 'name' | 'payloadVersion' | 'upcasts'>,
  message: Pick<ScheduledMessage, 'payload' | 'payloadVersion'>,
): unknown {
  const [from, to] = [versionOf(message), versionOf(topic)];
  // Posted by a newer release than this worker's: another worker, or a later one, can read it; nothing is dropped.
  if (from > to) throw new Error(`payload version ${from} of ${topic.name} is newer than this worker's ${to}`);
  return (topic.upcasts ?? []).slice(from - 1).reduce((payload, step) => step(payload), message.payload);
}

/** Why a topic's older payloads could not be read: it needs one upcast from each version to the next. */
export function refusePayloadVersion(topic: Pick<Topic, 'payloadVersion' | 'upcasts'>): Refusal | undefined {
  const version = versionOf(topic);
  if (Number.isSafeInteger(version) && version >= 1 && (topic.upcasts ?? []).length === version - 1) return undefined;
  return {
    code: 'invalidPayloadVersion',
    field: 'payloadVersion',
    message: 'must be a whole number from 1, with one upcast for each version before it',
  };
}
