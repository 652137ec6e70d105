import type { Refusal } from './refusal';

// A value that refers to itself is deeper than any limit. Deeper ones would overflow the stack of a later reader.
const DEEPEST = 500;
const LONGEST_PATH = 200;

export const UNSAFE_NUMBER = 'must be a number that a double holds exactly; write it as text';

/**
 * Why JSON does not carry a payload exactly: the first part of it that would arrive as another value, or not at all. A
 * payload of more than `most` parts is too large: each takes a byte or more.
 */
export function refuseInexact(payload: unknown, most: number): Refusal | undefined {
  let parts = 0;
  const enter = (value: unknown, path: string[]): Refusal | undefined => {
    parts += 1;
    if (parts <= most) return refusePart(value, path, enter);
    return { code: 'payloadTooLarge', field: 'payload', message: `must be at most ${most} bytes as JSON` };
  };
  try {
    return enter(payload, ['payload']);
  } catch {
    // A getter or a proxy that throws.
    return { code: 'invalidPayload', field: 'payload', message: 'cannot be read' };
  }
}

const FEW_DIGITS = /^(?:0|-?[1-9]\d{0,14})$/;

type Enter = (value: unknown, path: string[]) => Refusal | undefined;

/** Whether readers of this JSON number all read the same number. postdate.is_exact says it in SQL. */
export function isExactNumber(literal: string): boolean {
  // Most numbers, without the work that the others need.
  if (FEW_DIGITS.test(literal)) return true;
  const value = Number(literal);
  return isExact(value) && decimalOf(literal) === decimalOf(String(value));
}

// JSON writes -0 as 0, and has neither NaN nor Infinity.
const isExact = (value: number): boolean =>
  Number.isFinite(value) && !Object.is(value, -0) && (!Number.isInteger(value) || Number.isSafeInteger(value));

/** A decimal number as its digits and their exponent: the same text for the same number. */
function decimalOf(text: string): string {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

function refusePart(value: unknown, path: string[], enter: Enter): Refusal | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return isExact(value) ? undefined : refusal('unsafeNumber', path, UNSAFE_NUMBER);
    case 'object':
      return value === null ? undefined : refuseObject(value, path, enter);
    case 'undefined':
      // The whole of it arrives as null, and a field of an object is left out. In an array it would become null.
      return undefined;
    case 'bigint':
    case 'function':
    case 'symbol':
      return refusal('invalidPayload', path, `must be JSON, which has no ${typeof value}`);
  }
}

function refuseObject(value: object, path: string[], enter: Enter): Refusal | undefined {
  if (path.length > DEEPEST) {
    return refusal('invalidPayload', path, `must be at most ${DEEPEST} deep, and not refer to itself`);
  }
  const isArray = Array.isArray(value);
  const prototype = Object.getPrototypeOf(value);
  // Of whatever realm: the prototype of a plain object has none of its own.
  const isPlain = isArray || prototype === null || Object.getPrototypeOf(prototype) === null;
  if (!isPlain) return refusal('invalidPayload', path, 'must be a plain object or array, and no instance of a class');
  const names = Reflect.ownKeys(value).filter((name) => Object.prototype.propertyIsEnumerable.call(value, name));
  if (isArray && (names.length !== value.length || value.includes(undefined))) {
    return refusal('invalidPayload', path, 'must be an array without gaps, undefined or further fields');
  }
  for (const name of names) {
    if (typeof name === 'symbol') return refusal('invalidPayload', path, 'must have no symbol as the name of a field');
    const { get, value: part } = Object.getOwnPropertyDescriptor(value, name) ?? {};
    const here = [...path, name];
    if (get) return refusal('invalidPayload', here, 'must be a value, and no getter');
    const refused = part === undefined ? undefined : enter(part, here);
    if (refused) return refused;
  }
  return undefined;
}

const refusal = (code: 'unsafeNumber' | 'invalidPayload', path: string[], message: string): Refusal => ({
  code,
  field: path
    .join('.')
    .slice(0, LONGEST_PATH)
    .replaceAll(/\0|\p{Surrogate}/gu, '\ufffd'),
  message,
});
