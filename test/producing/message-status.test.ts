import type { Client } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';
import fc from 'fast-check';
import { searchAttributes, workflowIdOf } from '../../src/message/contract';
import { statusOf } from '../../src/producing/message-status';
import type { RunRecord } from '../../src/producing/run-records';
import { filesIn, textOf } from '../support/imports';
import { jsonPayload, unreadablePayload } from '../support/strangers';

const ref = { topic: 'test.effect', tenant: 'acme', key: 'k-1' };
const loadedDataConverter = { ...defaultDataConverter, payloadCodecs: [] };
const client = { options: { namespace: 'default', loadedDataConverter } } as unknown as Client;
type Fields = NonNullable<NonNullable<RunRecord['memo']>['fields']>;

/** A record as the server sends it of a run. */
const recordOf = ({ id = workflowIdOf(ref), memo = {}, attributes = {} }: Partial<Contents> = {}): RunRecord =>
  ({
    execution: { workflowId: id, runId: 'r-1' },
    status: 1,
    memo: { fields: memo },
    searchAttributes: { indexedFields: attributes },
  }) as unknown as RunRecord;
interface Contents {
  id: string;
  memo: Fields;
  attributes: Fields;
}

const GOOD = {
  memo: { cycle: jsonPayload(2), commandId: jsonPayload('c-1') },
  attributes: {
    [searchAttributes.topic.name]: jsonPayload(ref.topic, 'Keyword'),
    [searchAttributes.tenant.name]: jsonPayload(ref.tenant, 'Keyword'),
    [searchAttributes.key.name]: jsonPayload(ref.key, 'Keyword'),
    [searchAttributes.dueAt.name]: jsonPayload('2030-01-01T00:00:00+01:00', 'Datetime'),
  },
};
const KNOWN = { ...ref, workflowId: workflowIdOf(ref), runId: 'r-1', state: 'waiting' };
const READ = { ...KNOWN, dueAt: '2029-12-31T23:00:00.000Z', cycle: 2, scheduledBy: 'c-1' };

it('a record of ours is read as it is (the control), and one without memo and search attributes by its id', async () => {
  expect(await statusOf(client, recordOf(GOOD))).toEqual(READ);
  expect(await statusOf(client, recordOf())).toEqual(KNOWN);
});

const { commandId } = GOOD.memo;
it.each<[string, Partial<Contents>, object]>([
  ['a memo that a codec has encrypted', { memo: { cycle: unreadablePayload, commandId } }, { cycle: undefined }],
  ['a memo without an encoding', { memo: { cycle: { data: Buffer.from('1') }, commandId } }, { cycle: undefined }],
  ['a cycle of another type', { memo: { cycle: jsonPayload('x'), commandId } }, { cycle: undefined }],
  ['a cycle out of bounds', { memo: { cycle: jsonPayload(1e300), commandId } }, { cycle: undefined }],
  [
    'a command id that is an object',
    { memo: { ...GOOD.memo, commandId: jsonPayload({}) } },
    { scheduledBy: undefined },
  ],
  ['an offset of 24 hours', attribute('dueAt', '2026-12-01T00:00:00+24:00'), { dueAt: undefined }],
  ['a due time in the year 10000', attribute('dueAt', '9999-12-31T23:59:59-23:59'), { dueAt: undefined }],
  ['search attributes of another message', attribute('tenant', 'globex'), {}],
])('%s is named, and all else is read', async (_, contents, lacking) => {
  const read = await statusOf(client, recordOf({ ...GOOD, ...contents }));
  expect(read).toEqual({ ...READ, ...lacking, unreadable: expect.stringMatching(/^(memo|Postdate)[A-Za-z ]+.{3,}$/) });
});

function attribute(part: keyof typeof searchAttributes, value: unknown): Partial<Contents> {
  const type = part === 'dueAt' ? 'Datetime' : 'Keyword';
  return { attributes: { ...GOOD.attributes, [searchAttributes[part].name]: jsonPayload(value, type) } };
}

it('null counts as absent', async () => {
  const memo = { cycle: jsonPayload(null), commandId: jsonPayload(null) };
  const attributes = { [searchAttributes.topic.name]: jsonPayload(null, 'Keyword') };
  expect(await statusOf(client, recordOf({ memo, attributes }))).toEqual(KNOWN);
});

it('a foreign memo that we do not read is none of our business', async () => {
  const memo = { ...GOOD.memo, theirs: unreadablePayload };
  expect(await statusOf(client, recordOf({ ...GOOD, memo }))).toEqual(READ);
});

it.each([
  '',
  'order-7',
  'postdate:a:b',
  'postdate:a:b:c:d',
  "postdate:a:b:c'",
  'other:a:b:c',
  `postdate:a:b:${'k'.repeat(300)}`,
])('an id that names no message says so: %j', async (id) => {
  const read = await statusOf(client, recordOf({ ...GOOD, id }));
  expect(read).toEqual({ workflowId: id, runId: 'r-1', unreadable: expect.stringContaining('names no message') });
});

it('a record with contents of any kind is read without an error, under the name that its id says', async () => {
  const bytes = fc.uint8Array({ maxLength: 20 });
  const encoding = fc.constantFrom(
    'json/plain',
    'binary/null',
    'binary/plain',
    'binary/encrypted',
    'json/protobuf',
    '',
  );
  const payload = fc.oneof(
    fc.record({ metadata: fc.option(fc.record({ encoding: encoding.map(Buffer.from), type: bytes })), data: bytes }),
    fc.anything({ withBigInt: false }).map((value) => jsonPayload(value)),
    fc.record({}),
  );
  const fields = (names: string[]) => fc.dictionary(fc.constantFrom(...names), payload);
  const contents = fc.record({
    memo: fields(['cycle', 'commandId', 'other']),
    attributes: fields(Object.values(searchAttributes).map(({ name }) => name)),
  });
  let unreadable = 0;
  await fc.assert(
    fc.asyncProperty(contents, async (given) => {
      const read = await statusOf(client, recordOf(given as never));
      expect(read).toMatchObject(KNOWN);
      if (read.unreadable) unreadable += 1;
    }),
    { numRuns: 500 },
  );
  // Or the generator makes nothing that is odd.
  expect(unreadable).toBeGreaterThan(100);
});

it('no other file of ours has the SDK list or describe runs, as that decodes what foreign clients have written', () => {
  const DECODES = /workflow\s*\.list\(|\.describe\(\)|executionInfoFromRaw/;
  expect(['client.workflow.list({})', 'await handle.describe()'].every((text) => DECODES.test(text))).toBe(true);
  const decoding = filesIn('src').filter((file) => DECODES.test(textOf(file)));
  expect(decoding).toEqual([]);
});
