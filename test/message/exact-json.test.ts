import fc from 'fast-check';
import { z } from 'zod';
import { schedule } from '../../src/client';
import { isExactNumber, refuseInexact } from '../../src/message/exact-json';
import { defineTopic } from '../../src/topics/define-topic';
import { done, refusePayload } from '../../src/topics/topic';
import { useDatabase } from '../support/database';

const database = useDatabase();
const topic = defineTopic({ name: 'test.any', payload: z.unknown(), handle: async () => done });
const postOf = (payload: unknown) =>
  schedule({} as never, { topic, tenant: 'acme', key: 'k', dueAt: Date.now() + 60_000, payload });

class Money {
  constructor(readonly cents: number) {}
  toJSON() {
    return this.cents;
  }
}
const circle: Record<string, unknown> = {};
circle.self = circle;
const throwing = () => {
  throw new Error('asked');
};
// 2^100 parts, if it were written out.
const doubled = Array.from({ length: 100 }).reduce<unknown>((part) => [part, part], 1);
const holes = [1, 2];
delete holes[0];

it.each<[string, unknown, string, string]>([
  ['Infinity', { n: Number.POSITIVE_INFINITY }, 'unsafeNumber', 'payload.n'],
  ['NaN', { list: [0, { n: Number.NaN }] }, 'unsafeNumber', 'payload.list.1.n'],
  ['-0', [-0], 'unsafeNumber', 'payload.0'],
  ['2 to the power of 53', 2 ** 53, 'unsafeNumber', 'payload'],
  ['1e300', { n: 1e300 }, 'unsafeNumber', 'payload.n'],
  ['a bigint', { n: 1n }, 'invalidPayload', 'payload.n'],
  ['a Date', { at: new Date() }, 'invalidPayload', 'payload.at'],
  ['a Map', { map: new Map([['a', 1]]) }, 'invalidPayload', 'payload.map'],
  ['a Set', new Set([1]), 'invalidPayload', 'payload'],
  ['bytes', { bytes: new Uint8Array(2) }, 'invalidPayload', 'payload.bytes'],
  ['an instance of a class', { price: new Money(5) }, 'invalidPayload', 'payload.price'],
  ['a boxed number', { n: Object(1) }, 'invalidPayload', 'payload.n'],
  ['toJSON', { price: { toJSON: () => 5 } }, 'invalidPayload', 'payload.price.toJSON'],
  ['a function', { f: () => 1 }, 'invalidPayload', 'payload.f'],
  ['a symbol', { s: Symbol('s') }, 'invalidPayload', 'payload.s'],
  ['a symbol as a name', { [Symbol('s')]: 1 }, 'invalidPayload', 'payload'],
  ['undefined in an array', { list: [1, undefined] }, 'invalidPayload', 'payload.list'],
  ['a gap in an array', { list: holes }, 'invalidPayload', 'payload.list'],
  ['an array with further fields', { list: Object.assign([1], { more: 1 }) }, 'invalidPayload', 'payload.list'],
  ['a getter', Object.defineProperty({}, 'g', { get: () => 1, enumerable: true }), 'invalidPayload', 'payload.g'],
  ['a proxy that throws', new Proxy({}, { ownKeys: throwing }), 'invalidPayload', 'payload'],
  ['what refers to itself', circle, 'invalidPayload', 'payload'],
  ['what doubles at each level', doubled, 'payloadTooLarge', 'payload'],
])('schedule refuses %s by code and path', async (_what, payload, code, field) => {
  const refused = postOf(payload);
  await expect(refused).rejects.toMatchObject({ name: 'MessageError', code });
  await expect(refused).rejects.toMatchObject({ field: expect.stringMatching(new RegExp(`^${field}($|\\.self)`)) });
});

it('what JSON carries is let in, a field that is undefined as one that is left out (the control)', async () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  const good = [
    0,
    -1.5,
    0.1,
    5e-324,
    2 ** 53 - 1,
    'é😀',
    '',
    null,
    true,
    [],
    {},
    bare,
    [[{ a: [null] }]],
    { a: undefined },
  ];
  for (const payload of [...good, good.slice(0, -1), undefined]) {
    expect({ payload, refusal: refusePayload(topic, payload) }).toEqual({ payload, refusal: undefined });
    await expect(postOf(payload)).rejects.not.toMatchObject({ name: 'MessageError' });
  }
});

it('whatever is let in arrives as it was, and every JSON without unsafe numbers is let in', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true }), (value) => {
      if (value === undefined || refuseInexact(value, 16_384)) return;
      expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const arrived = JSON.parse(JSON.stringify(value), (_name, part) =>
        typeof part === 'number' && !Number.isSafeInteger(part) && Number.isInteger(part) ? 0 : part,
      );
      expect(refuseInexact(arrived, 16_384)).toBeUndefined();
    }),
  );
});

const EDGES = [
  ...['0', '1', '0.1', '1.50', '1e2', '12.5E-1', '100e-2', '9007199254740991', '-9007199254740991', '5e-324'],
  ...['9007199254740992', '9007199254740993', '1e16', '1e400', '-1e400', '1e-400', '9007199254740992.5', '1e300'],
  ...[
    '0.1234567890123456789',
    '1.00000000000000000001',
    '4503599627370496.5',
    '4503599627370497.25',
    '0.30000000000000004',
  ],
  ...['1.7976931348623157e308', '2.2250738585072014e-308', '123456789012345.678', '1234567890123.45'],
];
const literal = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 20n }),
    fc.option(fc.nat()),
    fc.integer({ min: -25, max: 25 }),
  )
  .map(([sign, whole, fraction, exponent]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}e${exponent}`)
  .filter((text) => Number(text) !== 0);

it('a number is exact by one rule in SQL and here', async () => {
  const literals = [
    ...EDGES,
    ...fc.sample(literal, 2_000),
    ...fc.sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 500).map(String),
  ];
  const given = literals.filter((text) => text !== '-0');
  const { rows } = await database.pool.query<{ exact: boolean }>(
    'select postdate.is_exact(number::numeric) as exact from unnest($1::text[]) with ordinality as given (number, place) order by place',
    [given],
  );
  const differing = given.filter((text, index) => rows[index]?.exact !== isExactNumber(text));
  expect(differing).toEqual([]);
  // The control: both answers are there.
  expect(new Set(rows.map(({ exact }) => exact))).toEqual(new Set([true, false]));
  expect(['-0', '-0.0'].map(isExactNumber)).toEqual([false, false]);
});
