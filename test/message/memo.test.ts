import type { ScheduledMessage } from '../../src/message/contract';
import { MESSAGE_IN_MEMO, memoOf, messageOfMemo } from '../../src/message/memo';

const NOW = Date.UTC(2026, 10, 30);
const ref = { topic: 'invoice.reminder', tenant: 'acme', key: 'i-1' };
const message: ScheduledMessage = {
  ...ref,
  v: 1,
  cycle: 3,
  dueAt: NOW + 60_000,
  leadMs: 10_000,
  payload: { amount: 5 },
  uncountedCycles: 1,
};
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
const carried = asJson(memoOf(message)[MESSAGE_IN_MEMO]);

it('a memo carries the message, and not what its workflow id says', () => {
  expect(memoOf(message).cycle).toBe(3);
  expect(Object.keys(carried)).not.toEqual(expect.arrayContaining(['topic']));
  expect(messageOfMemo(carried, ref, NOW)).toEqual(message);
});

it('a message beyond two KB is left out, and its cycle is not', () => {
  const large = { ...message, payload: { note: 'x'.repeat(2_048) } };
  expect(memoOf(large)).toEqual({ cycle: 3 });
  // The control.
  expect(memoOf({ ...message, payload: { note: 'x'.repeat(1_500) } })[MESSAGE_IN_MEMO]).toBeDefined();
});

it('the workflow id names the message, whatever the memo says', () => {
  const foreign = { ...carried, topic: 'payment.request', tenant: 'globex', key: 'k-9' };
  expect(messageOfMemo(foreign, ref, NOW)).toEqual(message);
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a text', 'message'],
  ['a list', [carried]],
  ['an empty object', {}],
  ['a due time that is a text', { ...carried, dueAt: 'tomorrow' }],
  ['a due time in a century', { ...carried, dueAt: NOW + 100 * 365 * 86_400_000 }],
  ['no cycle', { ...carried, cycle: undefined }],
  ['half a cycle', { ...carried, cycle: 1.5 }],
  ['a version that is a text', { ...carried, v: 'one' }],
  ['a lead of a year', { ...carried, leadMs: 365 * 86_400_000 }],
  ['a burst that is a text', { ...carried, inBurst: 'yes' }],
  ['a way into the hold that is a text', { ...carried, bySets: 'always' }],
  ['a payload beyond 16 KB', { ...carried, payload: 'x'.repeat(17_000) }],
  ['a payload that PostgreSQL cannot store', { ...carried, payload: '\0' }],
  ['a limit that is a text', { ...carried, staleAfterMs: 'soon' }],
])('a memo with %s carries no message', (_what, raw) => {
  expect(messageOfMemo(raw, ref, NOW)).toBeUndefined();
});
