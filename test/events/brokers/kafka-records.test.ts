import { chunksOf } from '../../../src/events/brokers/kafka-records';
import { kafkaRefusalOf } from '../../../src/events/brokers/kafka-refusal';
import type { StreamedEvent } from '../../../src/events/stream';

const streamed = (position: number, fields: object): StreamedEvent => ({
  position,
  event: {
    specversion: '1.0',
    id: `test.kafka:acme:k${position}:1:thing.happened`,
    source: '/postdate/test.kafka',
    type: 'thing.happened',
    subject: `acme/k${position}`,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    tenant: 'acme',
    cycle: 1,
    data: {},
    ...fields,
  },
});

it('an attribute that a stranger has added is a header, whatever its type', () => {
  const odd = { a: { toString: 1 }, b: null, c: [1, { d: 2 }], e: true, f: 1.5, __proto__: { g: 1 }, toString: 'x' };
  const [record] = chunksOf([streamed(1, odd)]).flat();
  expect(record?.message.headers).toMatchObject({
    ce_a: '{"toString":1}',
    ce_b: 'null',
    ce_c: '[1,{"d":2}]',
    ce_e: 'true',
    ce_f: '1.5',
    ce_toString: 'x',
    ce_type: 'thing.happened',
  });
});

it('an event that is larger than a chunk has one for itself; the others stay in order', () => {
  const text = (length: number) => ({ data: { text: 'x'.repeat(length) } });
  const chunks = chunksOf([streamed(1, {}), streamed(2, text(600_000)), streamed(3, {}), streamed(4, text(200_000))]);
  expect(chunks.map((chunk) => chunk.map(({ position }) => position))).toEqual([[1], [2], [3, 4]]);
});

it.each([
  ['a broker’s answer that a record is too large', { type: 'MESSAGE_TOO_LARGE', message: 'too large' }, 'too large'],
  ['the same within errors of the client', { message: 'outer', cause: 1 }, undefined],
  ['a topic that is not allowed', { type: 'TOPIC_AUTHORIZATION_FAILED', message: 'no' }, undefined],
  ['a name that is invalid for all events alike', { type: 'INVALID_TOPIC_EXCEPTION', message: 'no' }, undefined],
  ['a type of another kind', { type: ['MESSAGE_TOO_LARGE'], message: 'x' }, undefined],
])('of %s is said whether it is a refusal for good', (_, fields, refusal) => {
  const error = Object.assign(new Error(fields.message), fields);
  expect(kafkaRefusalOf(error)).toBe(refusal);
  expect(kafkaRefusalOf(new Error('outer', { cause: new Error('inner', { cause: error }) }))).toBe(refusal);
});
