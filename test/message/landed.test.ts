import type { ScheduledMessage } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import { decisionIn } from '../../src/message/landed';

const dueAt = Date.UTC(2026, 10, 30);
const now = dueAt + 40;
const message: ScheduledMessage = {
  ...{ v: 1, topic: 'test.burst', tenant: 'acme', key: 'k', cycle: 3, dueAt, leadMs: 10_000, payload: {} },
  ...{ postId: 'post-1', inBurst: true },
};
const decision: Decision = { cycle: 3, outcome: 'delivered', decidedAt: dueAt + 5 };
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
const sent = (fields: object = {}, named: object = {}) =>
  asJson({ decision: { ...decision, ...fields }, dueAt, postId: 'post-1', ...named });

it.each<[string, object]>([
  ['delivered', {}],
  ['delivered at the very instant', { decidedAt: dueAt }],
  ['skipped, with its reason', { outcome: 'skipped', reason: 'paid' }],
  ['failed, with its reason', { outcome: 'failed', reason: 'no such account' }],
])('a wake tells a message that it was %s', (_what, fields) => {
  expect(asJson(decisionIn(sent(fields), message, now))).toEqual({ ...decision, ...fields });
});

it('a null counts as absent, as other languages write it', () => {
  const told = decisionIn(sent({ next: null, commandId: null, reason: null }), message, now);
  expect(told).toStrictEqual({ ...decision, reason: undefined });
});

it('a message that names its cycle, and so has no post id, takes the decision of one that has none', () => {
  const { postId: _postId, ...named } = message;
  expect(decisionIn(asJson({ decision, dueAt }), named, now)).toMatchObject(decision);
  expect(decisionIn(sent({}, { postId: null }), named, now)).toMatchObject(decision);
});

it('a message takes it however late it is told, and as early as clocks differ', () => {
  expect(decisionIn(sent(), message, dueAt + 3_600_000)).toMatchObject(decision);
  expect(decisionIn(sent(), message, dueAt - 900)).toMatchObject(decision);
  expect(decisionIn(sent(), message, dueAt - 1_100)).toBeUndefined();
});

it('a message that workers fetch by sets takes it; one that wakes by itself does not', () => {
  expect(decisionIn(sent(), { ...message, inBurst: undefined, bySets: true }, now)).toMatchObject(decision);
  expect(decisionIn(sent(), { ...message, inBurst: false }, now)).toBeUndefined();
});

it.each<[string, unknown]>([
  ['nothing, as by hand,', undefined],
  ['null', null],
  ['a text', 'delivered'],
  ['a list', [sent()]],
  ['an empty object', {}],
  ['a decision that is a text', sent({}, { decision: 'delivered' })],
  ['the decision of another post', sent({}, { postId: 'post-2' })],
  ['the decision of no post', sent({}, { postId: null })],
  ['the decision of another due time', sent({}, { dueAt: dueAt + 1 })],
  ['the decision of no due time', sent({}, { dueAt: null })],
  ['the decision of the cycle before', sent({ cycle: 2 })],
  ['a cycle that is a text', sent({ cycle: '3' })],
  ['an unknown outcome', sent({ outcome: 'lost' })],
  ['a cancel, which only its own activity answers,', sent({ outcome: 'cancelled' })],
  ['the decision of a command', sent({ commandId: 'm-1' })],
  ['a move', sent({ outcome: 'moved', next: { cycle: 4, dueAt } })],
  ['a next cycle, which the ledger has', sent({ next: { cycle: 4, dueAt: dueAt + 60_000 } })],
  ['no instant', sent({ decidedAt: undefined })],
  ['an instant that is a text', sent({ decidedAt: 'now' })],
  ['an instant with half a millisecond', sent({ decidedAt: dueAt + 0.5 })],
  ['an instant before it was due', sent({ decidedAt: dueAt - 1 })],
  ['an instant that is to come', sent({ decidedAt: now + 2_000 })],
  ['an instant that no date can be', sent({ decidedAt: 9e15 })],
  ['a reason that is a number', sent({ reason: 7 })],
  ['a reason of a megabyte', sent({ reason: 'x'.repeat(1_000_000) })],
])('a wake with %s tells nothing', (_what, raw) => {
  expect(decisionIn(raw, message, now)).toBeUndefined();
});
