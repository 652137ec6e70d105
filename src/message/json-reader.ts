import { isExactNumber, UNSAFE_NUMBER } from './exact-json';
import { JSON_REFUSALS, JsonRefusal, type JsonRefusalCode } from './json-refusal';
import {
  afterNumber,
  afterSpace,
  afterString,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isDigit,
  literalAt,
  MINUS,
  NotJson,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  unescaped,
} from './json-tokens';
import { MAX_DEPTH } from './size';

export interface JsonLimits {
  /** In place of a value two levels down that has more characters stands `TOO_LARGE`. */
  itemCharacters?: number;
  /** The reader yields after so many characters. */
  sliceCharacters?: number;
  maxDepth?: number;
  /** What is refused beside a text that is too deep. Default: all. */
  refuses?: readonly JsonRefusalCode[];
}

/** Stands for a value that has more characters than the caller of `readJson` allows. */
export const TOO_LARGE = Symbol('too large');

/** An array or an object that is being read. `name`: the present place in an object. */
interface Open {
  list?: unknown[];
  fields?: Record<string, unknown>;
  name?: string;
  startsAt: number;
}

// No number needs more digits.
const MAX_NUMBER = 400;
// Looked up once: these run for each name and each number.
const { hasOwn } = Object;
const toNumber = Number;
const OWN = { enumerable: true, configurable: true, writable: true };
const FORBIDDEN = new Set(['__proto__', 'constructor']);

/**
 * Reads a JSON text (RFC 8259), and yields after each slice. Returns the value that `JSON.parse` returns. Throws `NotJson`, or
 * a `JsonRefusal` for what readers of JSON may take differently.
 */
export function* readJson(
  text: string,
  {
    itemCharacters = Number.POSITIVE_INFINITY,
    sliceCharacters = Number.POSITIVE_INFINITY,
    maxDepth = MAX_DEPTH,
    refuses = JSON_REFUSALS,
  }: JsonLimits = {},
): Generator<void, unknown> {
  const open: Open[] = [];
  let refused: JsonRefusal | undefined;
  let at = 0;
  let sliceEnd = sliceCharacters;

  // The first refusal is kept until the end, because it is no refusal if the text turns out to be no JSON.
  function refuse(code: JsonRefusalCode, rule: string): void {
    if (refuses.includes(code)) refused ??= new JsonRefusal(code, pathOf(open), rule);
  }

  function refuseUnstorable(string: string): void {
    if (/\0|\p{Surrogate}/u.test(string)) refuse('unstorableText', 'must have no NUL and no lone surrogate');
  }

  /** Reads the string at this place. Only an escape can bring in what cannot be stored: the text was valid UTF-8. */
  function readString(owner?: Open): string {
    const { end, isPlain } = afterString(text, at);
    const string = isPlain ? text.slice(at + 1, end - 1) : unescaped(text.slice(at, end));
    at = end;
    if (owner) owner.name = string;
    if (!isPlain) refuseUnstorable(string);
    return string;
  }

  /** Reads an object's next name, up to its value. */
  function readName(owner: Open): void {
    if (text.charCodeAt(at) !== QUOTE) throw new NotJson();
    const name = readString(owner);
    if (FORBIDDEN.has(name)) refuse('forbiddenName', 'must not be the name of a field');
    if (hasOwn(owner.fields as object, name)) refuse('duplicateName', 'must be there once only');
    at = afterSpace(text, at);
    if (text.charCodeAt(at) !== COLON) throw new NotJson();
    at += 1;
  }

  function readNumber(): number {
    const end = afterNumber(text, at);
    const isLong = end - at >= MAX_NUMBER;
    // A million digits are not made a number.
    const number = isLong ? '0' : text.slice(at, end);
    at = end;
    if (isLong || !isExactNumber(number)) refuse('unsafeNumber', UNSAFE_NUMBER);
    return toNumber(number);
  }

  function readScalar(code: number): unknown {
    if (code === QUOTE) return readString();
    if (code === MINUS || isDigit(code)) return readNumber();
    const { value, end } = literalAt(text, at);
    at = end;
    return value;
  }

  for (;;) {
    at = afterSpace(text, at);
    let startsAt = at;
    let value: unknown;
    const code = text.charCodeAt(at);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      // Thrown at once: to look whether the rest is JSON would take memory for each further level.
      if (open.length === maxDepth)
        throw new JsonRefusal('bodyTooDeep', pathOf(open), `must be at most ${maxDepth} deep`);
      const top: Open = code === OPEN_OBJECT ? { fields: {}, startsAt } : { list: [], startsAt };
      open.push(top);
      at = afterSpace(text, at + 1);
      if (text.charCodeAt(at) !== closingOf(top)) {
        if (code === OPEN_OBJECT) readName(top);
        continue;
      }
      at += 1;
      open.pop();
      value = top.list ?? top.fields;
    } else value = readScalar(code);

    // The value has ended, and perhaps what it is in.
    for (let next = 0; next !== COMMA; ) {
      const top = open.at(-1);
      if (open.length === 2 && at - startsAt > itemCharacters) value = TOO_LARGE;
      if (at >= sliceEnd) {
        yield;
        sliceEnd = at + sliceCharacters;
      }
      at = afterSpace(text, at);
      if (!top) {
        if (at < text.length) throw new NotJson();
        if (refused) throw refused;
        return value;
      }
      put(top, value);
      next = text.charCodeAt(at);
      at += 1;
      if (next === COMMA) {
        at = afterSpace(text, at);
        if (top.fields) readName(top);
      } else {
        if (next !== closingOf(top)) throw new NotJson();
        open.pop();
        value = top.list ?? top.fields;
        startsAt = top.startsAt;
      }
    }
  }
}

/** Reads a JSON text in one go. */
export function readWholeJson(text: string, limits: JsonLimits = {}): unknown {
  const reader = readJson(text, limits);
  for (;;) {
    const step = reader.next();
    if (step.done) return step.value;
  }
}

const closingOf = ({ list }: Open) => (list ? CLOSE_ARRAY : CLOSE_OBJECT);

function put({ list, fields, name }: Open, value: unknown): void {
  if (list) list.push(value);
  // As JSON.parse does: a field of that name, and no other prototype.
  else if (fields && name === '__proto__') Object.defineProperty(fields, name, { ...OWN, value });
  else if (fields && name !== undefined) fields[name] = value;
}

const pathOf = (open: Open[]) => open.map(({ list, name }) => list?.length ?? name ?? 0);
