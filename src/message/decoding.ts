import type { Payload } from '@temporalio/common';

const ENCODED = Symbol.for('postdate.undecodable');

/**
 * Stands for a payload that this process cannot decode, and keeps it as it came. The SDK clones values on their way out
 * of the sandbox, so this is a plain object: a symbol could not be cloned.
 */
export interface Undecodable {
  undecodable: true;
  [ENCODED]: Payload;
}

export const undecodable = (payload: Payload): Undecodable => ({ undecodable: true, [ENCODED]: payload });

export const isUndecodable = (value: unknown): value is Undecodable =>
  typeof value === 'object' && value !== null && ENCODED in value;

/** The payload as it came. */
export const encodedOf = (value: Undecodable): Payload => value[ENCODED];

/** The fields of a JSON object; undefined for any other value. */
export function recordOf(value: unknown): Record<string, unknown> | undefined {
  // Bytes, arrays and undecodable values are objects, too. The sandbox has its own prototypes, so the tag is asked.
  const isRecord = Object.prototype.toString.call(value) === '[object Object]' && !isUndecodable(value);
  return isRecord ? (value as Record<string, unknown>) : undefined;
}

/** The fields without those that are null: other languages write null for an absent field. */
export const withoutNulls = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
