import { MAX_DEPTH } from './limits';
import { ProblemError } from './problems';

/** An object or an array that is being read: the names it had so far, and the present place in it. */
interface Open {
  names?: Set<string>;
  atName: boolean;
  here: string | number;
}

const FORBIDDEN = new Set(['__proto__', 'constructor']);
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses a JSON text (RFC 8259) that means the same to every reader. Refused are: a name twice in one object, names
 * that reach a prototype, text that PostgreSQL or UTF-8 cannot hold, numbers that a double cannot (RFC 7493, I-JSON),
 * and deep nesting. Throws a `ProblemError` with the place as its `field`.
 */
export function parseJson(body: Buffer): unknown {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(body);
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes a piece of the body.
    throw new ProblemError('malformedJson', 'must be JSON in UTF-8');
  }
  refuseAmbiguous(text);
  return value;
}

/** Reads a text that is known to be JSON a second time, for what its parsed value no longer shows. */
function refuseAmbiguous(text: string): void {
  const open: Open[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const top = open.at(-1);
    const character = text[at] as string;
    if (character === '{' || character === '[') {
      open.push({ names: character === '{' ? new Set() : undefined, atName: character === '{', here: 0 });
      if (open.length > MAX_DEPTH) refuse('bodyTooDeep', `must be at most ${MAX_DEPTH} deep`, open);
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === ',' && top) {
      if (top.names) top.atName = true;
      else top.here = Number(top.here) + 1;
    } else if (character === '"') {
      const end = endOfString(text, at);
      const string = JSON.parse(text.slice(at, end)) as string;
      if (top?.names && top.atName) enter(top.names, string, top, open);
      else refuseUnstorable(string, open);
      at = end - 1;
    } else if (/[-\d]/.test(character)) {
      const [number] = /^-?\d[\d.eE+-]*/.exec(text.slice(at, at + MAX_NUMBER)) as RegExpExecArray;
      refuseUnsafe(number, open);
      at += number.length - 1;
    }
  }
}

/** Takes an object's next name. */
function enter(names: Set<string>, name: string, top: Open, open: Open[]): void {
  top.here = name;
  top.atName = false;
  refuseUnstorable(name, open);
  if (FORBIDDEN.has(name)) refuse('forbiddenName', 'must not be the name of a field', open);
  if (names.has(name)) refuse('duplicateName', 'must be there once only', open);
  names.add(name);
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function refuseUnstorable(string: string, open: Open[]): void {
  if (/\0|\p{Surrogate}/u.test(string)) refuse('unstorableText', 'must have no NUL and no lone surrogate', open);
}

// No number needs more digits.
const MAX_NUMBER = 400;

function refuseUnsafe(number: string, open: Open[]): void {
  const value = Number(number);
  const isSafe = /^-?\d+$/.test(number) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (number.length < MAX_NUMBER && isSafe) return;
  refuse('unsafeNumber', 'must be a number that a double can hold; write it as text', open);
}

function refuse(code: ConstructorParameters<typeof ProblemError>[0], rule: string, open: Open[]): never {
  const path = open.map(({ here }) => here);
  // If the innermost object is itself refused, it has no place yet.
  if (code === 'bodyTooDeep') path.pop();
  const field =
    path
      .slice(0, 8)
      .join('.')
      .slice(0, 200)
      .replace(/\0|\p{Surrogate}/gu, '\ufffd') || 'body';
  throw new ProblemError(code, `${field}: ${rule}`, { field });
}

/** The same text for the same value, independent of the order of its fields. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
      : part,
  );
}
