/** Thrown if a text is no JSON (RFC 8259). */
export class NotJson extends Error {}

// The characters that JSON's tokens begin and end with, by their codes.
export const [QUOTE, COMMA, MINUS, COLON, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [
  ...Buffer.from('",-:[]{}'),
] as [number, number, number, number, number, number, number, number];
const [TAB, LINE_FEED, RETURN, SPACE, BACKSLASH, PLUS, DOT, ZERO, NINE] = [9, 10, 13, 32, 92, 43, 46, 48, 57];
const E_WITHOUT_CASE = 101;

export const isDigit = (code: number) => code >= ZERO && code <= NINE;

/** The first place at or after `at` that is no white space. */
export function afterSpace(text: string, at: number): number {
  for (let end = at; ; end += 1) {
    const code = text.charCodeAt(end);
    if (code !== SPACE && code !== LINE_FEED && code !== RETURN && code !== TAB) return end;
  }
}

/** The place after the string that begins at `at`, and whether the string has no escape. */
export function afterString(text: string, at: number): { end: number; isPlain: boolean } {
  let isPlain = true;
  for (let end = at + 1; ; end += 1) {
    const code = text.charCodeAt(end);
    if (code === QUOTE) return { end: end + 1, isPlain };
    if (code === BACKSLASH) {
      isPlain = false;
      end += 1;
    } else if (!(code >= SPACE)) throw new NotJson(); // Also at the end of the text, where the code is NaN.
  }
}

/** The string of a token with escapes. */
export function unescaped(token: string): string {
  try {
    return JSON.parse(token) as string;
  } catch {
    throw new NotJson();
  }
}

/** The place after the number that begins at `at`. */
export function afterNumber(text: string, at: number): number {
  const start = text.charCodeAt(at) === MINUS ? at + 1 : at;
  let end = text.charCodeAt(start) === ZERO ? start + 1 : afterDigits(text, start);
  if (text.charCodeAt(end) === DOT) end = afterDigits(text, end + 1);
  if ((text.charCodeAt(end) | 32) !== E_WITHOUT_CASE) return end;
  const sign = text.charCodeAt(end + 1);
  return afterDigits(text, sign === PLUS || sign === MINUS ? end + 2 : end + 1);
}

function afterDigits(text: string, at: number): number {
  let end = at;
  while (isDigit(text.charCodeAt(end))) end += 1;
  if (end === at) throw new NotJson();
  return end;
}

const LITERALS: [string, unknown][] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

/** The literal that begins at `at`, and the place after it. */
export function literalAt(text: string, at: number): { value: unknown; end: number } {
  for (const [word, value] of LITERALS) if (text.startsWith(word, at)) return { value, end: at + word.length };
  throw new NotJson();
}
