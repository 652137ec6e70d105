import { admit } from '../message/admission';
import type { ScheduledMessage } from '../message/contract';
import type { Refusal } from '../message/refusal';
import { runForeign } from '../platform/telemetry/foreign-code';
import type { Topic } from './topic';

/** The payload version of a message or a topic. */
export const versionOf = ({ payloadVersion }: { payloadVersion?: number }) => payloadVersion ?? 1;

/** The payload in the topic's present version, from any earlier one. Throws a `MessageError` if the message has no version. */
export function upcast(
  topic: Pick<Topic, 'name' | 'payloadVersion' | 'upcasts'>,
  message: Pick<ScheduledMessage, 'payload' | 'payloadVersion'>,
): unknown {
  const [from, to] = [versionOf(message), versionOf(topic)];
  // There is no upcast from it, and its payload must not be taken for that of another version.
  admit(refuseVersion(message));
  // Posted by a newer release: another worker, or a later one, can read it. Nothing is dropped.
  if (from > to) throw new Error(`payload version ${from} of ${topic.name} is newer than this worker's ${to}`);
  const steps = (topic.upcasts ?? []).slice(from - 1);
  return runForeign({ part: 'upcast', topic: topic.name }, () =>
    steps.reduce((payload, step) => settled(topic, step(payload)), message.payload),
  );
}

/** The payload that an upcast returns. An upcast in JavaScript may be asynchronous, and its promise is no payload. */
function settled({ name }: Pick<Topic, 'name'>, payload: unknown): unknown {
  if (!(payload instanceof Promise)) return payload;
  // The error tells of it; what the promise says later is of no use.
  payload.catch(() => undefined);
  throw new Error(`an upcast of ${name} returned a promise: it must return the payload itself`);
}

const isVersion = (version: unknown): boolean => Number.isSafeInteger(version) && (version as number) >= 1;

/** Why a message names no version of a payload. */
export const refuseVersion = (message: { payloadVersion?: number }): Refusal | undefined =>
  isVersion(versionOf(message))
    ? undefined
    : { code: 'invalidPayloadVersion', field: 'payloadVersion', message: 'must be a whole number from 1' };

/** Why a topic could not read its older payloads: it needs one upcast from each version to the next. */
export function refusePayloadVersion(topic: Pick<Topic, 'payloadVersion' | 'upcasts'>): Refusal | undefined {
  const version = versionOf(topic);
  if (isVersion(version) && (topic.upcasts ?? []).length === version - 1) return undefined;
  return {
    code: 'invalidPayloadVersion',
    field: 'payloadVersion',
    message: 'must be a whole number from 1, with one upcast for each version before it',
  };
}
