import type { Payload } from '@temporalio/common';
import fc from 'fast-check';
import { nanoid } from 'nanoid';
import { searchAttributes } from '../../src/message/contract';

/** A start of the workflow as any client in any language may send it, and the signals after it. */
export interface ForeignStart {
  workflowId: string;
  input: Payload[];
  memo: Record<string, Payload>;
  searchAttributes: Record<string, Payload>;
  header: Record<string, Payload>;
  signals: { signalName: string; input: Payload[] }[];
  /** It claims to be of a later release, and waits for one. */
  newer: boolean;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const encoded = (encoding: string | undefined, data: Uint8Array): Payload => ({
  metadata: encoding === undefined ? {} : { encoding: bytes(encoding) },
  data,
});

const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
// Too deep for JSON.stringify, so it is written in place of a text.
const TOO_DEEP = 'too deep';
const json = (value: unknown): Payload =>
  encoded('json/plain', bytes((JSON.stringify(value) ?? 'null').replaceAll(`"${TOO_DEEP}"`, deep(5_000))));

/** What no JSON of the contract is. */
const ODD_VALUES = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  '',
  'x',
  '1',
  '\0',
  '\ud800',
  'x'.repeat(200_000),
  [],
  [null],
  {},
  { length: 3 },
  { toString: 1, constructor: 1 },
  JSON.parse('{"__proto__": {"cycle": 1}}'),
  JSON.parse(deep(100)),
  TOO_DEEP,
];
const oddValue = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...ODD_VALUES) },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
);

/** What is written as JSON, and not as UTF-8 or not as this process writes it. */
const ODD_JSON = [
  Buffer.from('{"cycle": 1}', 'utf16le'),
  Buffer.from('\ufeff{"cycle": 1}'),
  Buffer.from([0x22, 0xff, 0xfe, 0x22]),
  // Half of a surrogate pair, as bytes and as an escape; and NUL as both.
  Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  bytes('"\\ud800"'),
  bytes('["\\udc00\\ud800"]'),
  bytes('"\\u0000"'),
  Buffer.from([0x22, 0x00, 0x22]),
  Buffer.from([0]),
  bytes('{"\\u0000": 1, "\\ud800": 2}'),
  bytes('{"cycle": 1, "cycle": 2}'),
  bytes('1e400'),
  bytes('NaN'),
];

/** Payloads that are no JSON, or that this process cannot decode at all. */
const oddPayload = fc.oneof(
  oddValue.map(json),
  fc.constantFrom(...ODD_JSON).map((data) => encoded('json/plain', data)),
  fc
    .tuple(
      fc.constantFrom(
        'JSON/PLAIN',
        'json/plain; charset=utf-16',
        'json/plain\0',
        'json/plain',
        'json/protobuf',
        'binary/plain',
        'binary/null',
        'binary/protobuf',
        'binary/encrypted',
        'binary/zlib',
        '',
        '\0',
        undefined,
      ),
      fc.oneof(
        fc.uint8Array({ maxLength: 50 }),
        fc.constantFrom(
          bytes('{"dueAt": 12'),
          bytes(''),
          bytes(deep(200_000)),
          bytes(`"${'x'.repeat(300_000)}"`),
          bytes('{"commandId":"c"}'),
          Buffer.alloc(500_000, 7),
        ),
      ),
    )
    .map(([encoding, data]) => encoded(encoding, data)),
);

// What any client may write beside the encoding, and what only the SDKs' own converters should.
const oddMetadata = fc.dictionary(
  fc.constantFrom('type', 'messageType', 'encryption-key-id', '__proto__', '', '\0'),
  fc.oneof(
    fc.constantFrom('Keyword', 'Text', 'Int', 'Datetime', 'KeywordList', 'Bool', 'google.protobuf.Any', '').map(bytes),
    fc.uint8Array({ maxLength: 10 }),
  ),
  { maxKeys: 2 },
);
const withMetadata = (payload: fc.Arbitrary<Payload>): fc.Arbitrary<Payload> =>
  fc.tuple(payload, oddMetadata).map(([{ metadata, data }, more]) => ({ metadata: { ...more, ...metadata }, data }));

const undecodable = fc.constantFrom(
  encoded('binary/encrypted', bytes('secret')),
  encoded('json/plain', bytes('{"cycle": ')),
  encoded(undefined, bytes('1')),
);

const HOUR_MS = 3_600_000;
const wellFormed = (topic: string, key: string, dueInMs: number) => ({
  v: 1,
  topic,
  tenant: 'acme',
  key,
  cycle: 1,
  dueAt: Date.now() + dueInMs,
  payload: { note: 'n' },
});

const FIELDS = [
  'v',
  'topic',
  'tenant',
  'key',
  'cycle',
  'dueAt',
  'payload',
  'leadMs',
  'payloadVersion',
  'repeat',
  'traceparent',
  'postId',
  'staleAfterMs',
  'dueBefore2000',
  'applied',
  'datedAt',
  'futureField',
] as const;

const oddRepeat = fc
  .record({ every: oddValue, cron: oddValue, zone: oddValue, until: oddValue, at: oddValue }, { requiredKeys: [] })
  .map((rule) => ({ every: 'P1D', startAt: 0, at: 0, done: 0, ...rule }));

// A field of the message is absent, or is odd.
const changes = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  {
    weight: 4,
    arbitrary: fc.array(
      fc.tuple(
        fc.constantFrom(...FIELDS),
        fc.oneof(fc.constant(undefined), { weight: 3, arbitrary: oddValue }, oddRepeat),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  },
);

const dueInMs = fc.constantFrom(-HOUR_MS, 0, 500, HOUR_MS, 90 * 24 * HOUR_MS);

const command = fc.oneof(
  fc.constantFrom<unknown>({}, { commandId: 'c' }, { dueAt: Date.now() + HOUR_MS }, { reason: 'paid' }),
  fc.record(
    { commandId: oddValue, dueAt: oddValue, cycle: oddValue, expectedCycle: oddValue, reason: oddValue },
    { requiredKeys: [] },
  ),
);
// Never one that a message could take: it would end as that says.
const oddLanded = fc.record({
  decision: fc.oneof(
    oddValue,
    fc.record({
      cycle: fc.constantFrom<unknown>(1, 2, '1'),
      outcome: fc.constantFrom('delivered', 'moved', 'failed'),
      decidedAt: fc.constantFrom<unknown>(null, 'now', 1.5, 9e15, {}),
      reason: oddValue,
      next: oddValue,
    }),
  ),
  postId: oddValue,
});
const signals = fc.array(
  fc.record({
    signalName: fc.constantFrom('cancel', 'move', 'move', 'wake', 'remind', '__proto__', '__temporal_odd', 'toString'),
    input: fc.array(fc.oneof(fc.oneof(command, oddLanded).map(json), oddPayload), { maxLength: 2 }),
  }),
  { maxLength: 3 },
);

const ATTRIBUTES = Object.values(searchAttributes).map(({ name }) => name);
// The server's refusal quotes the value. A large one would break the connection of whoever sends it.
const oddAttribute = oddPayload.filter(({ data }) => (data?.length ?? 0) < 1_000);
const attribute = fc.tuple(
  // The server knows the last ones too: they are its own.
  fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...ATTRIBUTES) },
    { weight: 1, arbitrary: fc.constantFrom('TemporalChangeVersion', 'BuildIds', 'TemporalScheduledById') },
  ),
  withMetadata(
    fc.oneof(
      fc
        .constantFrom<unknown>(
          ...['', 'acme', 'globex', ['acme'], ['acme', 'globex'], [], [null], 1, null, true, {}],
          ...['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000000001+14:00', '0000-01-01T00:00:00Z', 'soon'],
          ...['\0', 'a\0b', '\ud800', '\udc00\ud800', 'x'.repeat(900)],
        )
        .map(json),
      oddAttribute,
    ),
  ),
);
// Together they must fit into what the server takes.
const oddMemo = withMetadata(oddPayload.filter(({ data }) => (data?.length ?? 0) < 100_000));
const memo = fc.dictionary(
  fc.constantFrom('cycle', 'commandId', 'dueAt', '__proto__', 'constructor', 'other', '', '\0'),
  fc.oneof(oddValue.map(json), oddMemo),
  { maxKeys: 3 },
);

/** Names that are another message's, or no message's. The server itself refuses half surrogate pairs, in these and in other names. */
const OTHER_IDS = {
  globex: (topic: string, key: string) => `postdate:${topic}:globex:${key}`,
  byHand: (_: string, key: string) => `by-hand-${key}`,
  noKey: (topic: string, key: string) => `postdate:${topic}:acme:${key}:`,
  spaced: (topic: string, key: string) => `postdate:${topic}:ac me:${key}`,
  odd: (topic: string, key: string) => `postdate:${topic}:acme:${key}\0é`,
};

/** Starts of `topic` for tenant acme. */
export const foreignStart = (topic: string): fc.Arbitrary<ForeignStart> =>
  fc
    .record({
      changes,
      dueInMs,
      odd: fc.option(oddPayload, { freq: 5 }),
      more: fc.array(oddPayload, { maxLength: 1 }),
      otherId: fc.option(fc.constantFrom(...Object.values(OTHER_IDS)), { freq: 8 }),
      memo,
      unreadableMemo: fc.option(undecodable, { freq: 6 }),
      attributes: fc.array(attribute, { maxLength: 2 }),
      header: fc.dictionary(fc.constantFrom('_tracer-data', 'x', '', '__proto__'), withMetadata(oddPayload), {
        maxKeys: 1,
      }),
      signals,
    })
    .map(({ changes, dueInMs, odd, more, otherId, memo, unreadableMemo, attributes, header, signals }) => {
      const key = nanoid();
      const message = { ...wellFormed(topic, key, dueInMs), ...Object.fromEntries(changes) };
      const { v } = message as { v: unknown };
      return {
        workflowId: otherId ? otherId(topic, key) : `postdate:${topic}:acme:${key}`,
        input: [odd ?? json(message), ...more],
        memo: unreadableMemo ? { ...memo, odd: unreadableMemo } : memo,
        searchAttributes: Object.fromEntries(attributes),
        header,
        signals,
        newer: odd === null && Number.isSafeInteger(v) && (v as number) > 1,
      };
    });

/** A start as one can read it. */
export const readable = ({ input, memo, searchAttributes, signals, ...start }: ForeignStart): string => {
  const text = (payload: Payload) =>
    `${Buffer.from(payload.metadata?.encoding ?? [])} ${Buffer.from(payload.data ?? []).subarray(0, 300)}`;
  const texts = (payloads: Record<string, Payload>) =>
    Object.fromEntries(Object.entries(payloads).map(([name, payload]) => [name, text(payload)]));
  return JSON.stringify({
    ...start,
    header: undefined,
    input: input.map(text),
    memo: texts(memo),
    searchAttributes: texts(searchAttributes),
    signals: signals.map(({ signalName, input }) => [signalName, ...input.map(text)]),
  });
};
