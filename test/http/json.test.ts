import fc from 'fast-check';
import { canonicalJson, createJsonParser } from '../../src/http/json';
import { SLICE_CHARACTERS } from '../../src/http/limits';
import { readJson, readWholeJson, TOO_LARGE } from '../../src/message/json-reader';
import { JSON_REFUSALS, JsonRefusal } from '../../src/message/json-refusal';
import { NotJson } from '../../src/message/json-tokens';

const RUNS = Number(process.env.POSTDATE_FUZZ_RUNS ?? 600) * 10;

/** The value of a text, and in how many slices it was read. */
function read(text: string, itemCharacters?: number) {
  const reader = readJson(text, { itemCharacters, sliceCharacters: SLICE_CHARACTERS });
  for (let slices = 1; ; slices += 1) {
    const step = reader.next();
    if (step.done) return { value: step.value, slices };
  }
}

const resultOf = (text: string): unknown => {
  try {
    return { value: read(text).value };
  } catch (error) {
    if (error instanceof NotJson) return 'no JSON';
    if (error instanceof JsonRefusal) return error.code;
    throw error;
  }
};
const native = (text: string): unknown => {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return 'no JSON';
  }
};

// What texts are made of, good and bad.
const piece = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '"a"', '"b"', '"a":', '"b":1,', '{"a":1}', '[1]', ' ', '\n', '\t', '\r'],
  ...['1', '-', '0', '01', '-0', '1.5', '1.', '.5', '1e5', '1E+9', '1e', '-1', 'true', 'false', 'null', 'nul', 'NaN'],
  ...['"\\n"', '"\\u00e9"', '"\\x"', '"\\u00zz"', 'é', '"😀"', '\u0001', '\u00a0', '\u2028', '/**/', "'a'", '+1'],
);
const texts = fc.oneof(
  fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
  fc.json(),
  fc
    .json()
    .chain((text) => fc.tuple(fc.constant(text), fc.nat(text.length), piece))
    .map(([text, at, between]) => text.slice(0, at) + between + text.slice(at)),
);

it(`${RUNS} texts are the JSON that JSON.parse takes them for, or no JSON as there, or refused by a rule`, () => {
  let good = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const result = resultOf(text);
      if ((JSON_REFUSALS as readonly unknown[]).includes(result)) return;
      expect(result).toEqual(native(text));
      if (result !== 'no JSON') good += 1;
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  // Both kinds, and not mostly refused ones.
  expect(good).toBeGreaterThan(RUNS / 5);
  expect(good).toBeLessThan((RUNS * 4) / 5);
});

it.each([
  ['{"a":1,"b":{"a":2}}', undefined],
  ['{"a":1,"a":1}', 'duplicateName'],
  ['{"a":1,"\\u0061":1}', 'duplicateName'],
  ['{"toString":1,"valueOf":2}', undefined],
  ['{"__proto__":1}', 'forbiddenName'],
  ['{"constructor":1}', 'forbiddenName'],
  ['["\\u0000"]', 'unstorableText'],
  ['{"\\ud800":1}', 'unstorableText'],
  ['["\\ud83d\\ude00"]', undefined],
  ['[9007199254740991,-9007199254740991]', undefined],
  ['[9007199254740992]', 'unsafeNumber'],
  ['[1e400]', 'unsafeNumber'],
  [`[1.${'0'.repeat(500)}]`, 'unsafeNumber'],
  [`${'['.repeat(32)}${']'.repeat(32)}`, undefined],
  [`${'['.repeat(33)}${']'.repeat(33)}`, 'bodyTooDeep'],
  ['{"a":1,"a":1', 'no JSON'],
  ['["\\u0000"', 'no JSON'],
])('%s: %s', (text, code) => {
  expect(resultOf(text)).toEqual(code ?? native(text));
});

it('a reader that allows such names takes them as JSON.parse does, and one that occurs twice for what it is', () => {
  const refuses = ['duplicateName'] as const;
  for (const text of ['{"__proto__":{"a":1}}', '{"constructor":1}', '["\\u0000",9007199254740993]']) {
    const value = readWholeJson(text, { refuses });
    expect(value).toEqual(JSON.parse(text));
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
  }
  for (const name of ['__proto__', 'constructor', 'a']) {
    expect(() => readWholeJson(`{"${name}":1,"${name}":2}`, { refuses })).toThrow('must be there once only');
  }
});

const LARGE = 1024 * 1024;
const fill = (unit: string) => unit.repeat(Math.floor(LARGE / unit.length) - 1);
const WORST: Record<string, string> = {
  numbers: `[${fill('1,')}1]`,
  arrays: `[${fill('[],')}[]]`,
  objects: `[${fill('{"a":1},')}{}]`,
  texts: `[${fill('"\\n",')}""]`,
  names: `{${Array.from({ length: 80_000 }, (_, index) => `"${index.toString(36)}n":1`).join(',')}}`,
};

it.each(Object.keys(WORST))('1 MB of %s is read in slices of 32 K characters', (name) => {
  const text = WORST[name] as string;
  const { value, slices } = read(text);
  expect(JSON.stringify(value) === JSON.stringify(JSON.parse(text))).toBe(true);
  expect(slices).toBeGreaterThan(text.length / SLICE_CHARACTERS / 1.1);
});

it('between the slices of large bodies comes other work, in turns of the tenants; a small one is read at once', async () => {
  const parse = createJsonParser();
  const large = Buffer.from(WORST.numbers as string);
  const ended: string[] = [];
  let rounds = 0;
  const round = () => {
    rounds += 1;
    if (ended.length < 4) setImmediate(round);
  };
  setImmediate(round);
  const body = async (tenant: string) => {
    await parse(large, { tenant });
    ended.push(tenant);
  };
  const all = ['acme', 'acme', 'acme', 'globex'].map(body);
  const small = parse(Buffer.from('{"a":1}'), { tenant: 'acme' }).then(() => ended.length);
  expect(await small).toBe(0);
  await Promise.all(all);
  // The fourth came last, and waited for one of the three.
  expect(ended.indexOf('globex')).toBeLessThan(2);
  expect(rounds).toBeGreaterThan((4 * large.length) / SLICE_CHARACTERS / 1.1);
});

it('an item longer than one post is left out, and the others are kept', () => {
  const item = (characters: number) => ({ note: 'x'.repeat(characters) });
  const text = JSON.stringify({ messages: [item(10), item(200), 'y'.repeat(200), item(90)] });
  expect(read(text, 150).value).toEqual({ messages: [item(10), TOO_LARGE, TOO_LARGE, item(90)] });
  expect(read(text).value).toEqual(JSON.parse(text));
});

it('bytes that are no UTF-8 are no JSON; the mark of an order of bytes is none of it', async () => {
  const parse = createJsonParser();
  const source = { tenant: 'acme' };
  await expect(parse(Buffer.from([0x22, 0xff, 0x22]), source)).rejects.toMatchObject({
    problem: { code: 'malformedJson' },
  });
  expect(await parse(Buffer.from('\ufeff[1]'), source)).toEqual([1]);
});

it('the same value has the same text, whatever the order of its fields', () => {
  expect(canonicalJson({ b: 1, a: [2, 1] })).toBe(canonicalJson({ a: [2, 1], b: 1 }));
});
