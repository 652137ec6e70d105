import type { Client } from '@temporalio/client';
import fc from 'fast-check';
import { cancel, list, move, schedule } from '../../src/client';
import { MessageError } from '../../src/message/admission';
import { epochMsOf, rfc3339 } from '../../src/message/due-time';
import { messageOf } from '../../src/producing/post';
import { defineTopic } from '../../src/topics/define-topic';
import { effectTopic } from '../support/effects';

// A client that can do nothing: whatever is not refused before it is used fails with another error.
const untouched = {} as Client;
const topic = effectTopic();
const post = (fields = {}) => ({
  topic,
  tenant: 'acme',
  key: 'k',
  dueAt: Date.now() + 60_000,
  payload: { note: 'n' },
  ...fields,
});
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

it('good input gets as far as the client (the control)', async () => {
  await expect(schedule(untouched, post())).rejects.not.toBeInstanceOf(MessageError);
  const early = { dueAt: '0001-01-01T00:00:00Z', dueBefore2000: true };
  const edges = [{ dueAt: Date.now() - 1e9 }, { dueAt: '2000-01-01T00:00:00Z' }, early, { cycle: 2_000_000_000 }];
  for (const fields of edges) {
    await expect(schedule(untouched, post(fields))).rejects.not.toBeInstanceOf(MessageError);
  }
});

it('an optional field that is null is absent', async () => {
  const absent = { cycle: null, repeat: null, staleAfterMs: null, dueBefore2000: null };
  const dueAt = Date.now();
  expect(messageOf(post({ ...absent, dueAt } as object))).toEqual(messageOf(post({ dueAt })));
  const repeat = { every: 'P1D', cron: null, zone: null, until: null, maxCycles: null, missed: null };
  expect(messageOf(post({ repeat } as object)).repeat).toMatchObject({ every: 'P1D', done: 0 });
  const options = { onConflict: null, commandId: null } as object;
  await expect(schedule(untouched, post(absent as object), options)).rejects.not.toBeInstanceOf(MessageError);
  const ref = { topic: 'test.effect', tenant: 'acme', key: 'k' };
  const nulls = { commandId: null, cycle: null, expectedCycle: null, dueBefore2000: null, deadlineMs: null } as object;
  await expect(move(untouched, ref, { dueAt: Date.now(), ...nulls })).rejects.not.toBeInstanceOf(MessageError);
  await expect(cancel(untouched, ref, { reason: null, ...nulls } as object)).rejects.not.toBeInstanceOf(MessageError);
});

describe('bad input is refused by code and field, before anything is started', () => {
  const now = Date.now();
  it.each([
    ['a topic that is only a name', { topic: 'test.effect' }, 'unknownTopic', 'topic'],
    ['a tenant with a colon', { tenant: 'a:b' }, 'invalidTenant', 'tenant'],
    ['an empty tenant', { tenant: '' }, 'invalidTenant', 'tenant'],
    ['a key with a space', { key: 'a b' }, 'invalidKey', 'key'],
    ['a key that is a number', { key: 7 }, 'invalidKey', 'key'],
    ['an id over 255 bytes', { key: 'k'.repeat(240) }, 'idTooLong', 'key'],
    ['a cycle of zero', { cycle: 0 }, 'invalidCycle', 'cycle'],
    ['a cycle that leaves no room for the next ones', { cycle: 2_147_483_647 }, 'invalidCycle', 'cycle'],
    ['a payload of another shape', { payload: { note: 7 } }, 'invalidPayload', 'payload'],
    ['a payload with a NUL', { payload: { note: 'a\\\0' } }, 'invalidPayload', 'payload'],
    ['a payload with half a surrogate pair', { payload: { note: '\udc00 😀' } }, 'invalidPayload', 'payload'],
    ['a payload over 16 KB', { payload: { note: 'é'.repeat(8_192) } }, 'payloadTooLarge', 'payload'],
    ['a payload that is 33 deep', { payload: { note: 'n', more: JSON.parse(deep(32)) } }, 'payloadTooDeep', 'payload'],
    ['a due time in seconds', { dueAt: Math.round(now / 1_000) }, 'dueAtTooEarly', 'dueAt'],
    ['a due time in 1999', { dueAt: '1999-12-31T23:59:59.999Z' }, 'dueAtTooEarly', 'dueAt'],
    ['a word for its year', { dueAt: 0, dueBefore2000: 'true' }, 'dueAtTooEarly', 'dueAt'],
    ['a due time that is NaN', { dueAt: Number.NaN }, 'invalidDueAt', 'dueAt'],
    ['a due time with a fraction of a millisecond', { dueAt: now + 0.5 }, 'invalidDueAt', 'dueAt'],
    ['a due time in words', { dueAt: 'next friday' }, 'invalidDueAt', 'dueAt'],
    ['a due time without offset', { dueAt: '2027-01-01T00:00:00' }, 'invalidDueAt', 'dueAt'],
    ['a due time that is only a date', { dueAt: '2027-01-01' }, 'invalidDueAt', 'dueAt'],
    ['30 February', { dueAt: '2027-02-30T00:00:00Z' }, 'invalidDueAt', 'dueAt'],
    ['a due time in the year 0', { dueAt: '0000-12-31T23:59:59Z' }, 'invalidDueAt', 'dueAt'],
    ['a due time that is before the year 1 in UTC', { dueAt: '0001-01-01T00:00:00+14:00' }, 'invalidDueAt', 'dueAt'],
    ['an invalid Date', { dueAt: new Date('x') }, 'invalidDueAt', 'dueAt'],
    ['a due time over 20 years ahead', { dueAt: now + 21 * 365.25 * 86_400_000 }, 'dueAtTooFar', 'dueAt'],
    ['a cron expression with a 61st minute', { repeat: { cron: '61 * * * *' } }, 'invalidRepeat', 'repeat.cron'],
    ['a zone that is nowhere', { repeat: { every: 'P1D', zone: 'Mars/Olympus' } }, 'invalidRepeat', 'repeat.zone'],
    ['a repeat that is only a word', { repeat: 'daily' }, 'invalidRepeat', 'repeat'],
    ['a limit that is before the due time', { staleAfterMs: -1 }, 'invalidStaleAfter', 'staleAfterMs'],
  ])('%s', async (_what, fields, code, field) => {
    const refused = schedule(untouched, post(fields) as Parameters<typeof schedule>[1]);
    await expect(refused).rejects.toBeInstanceOf(MessageError);
    await expect(refused).rejects.toMatchObject({ code, field });
  });

  it('for a topic with rows: no cycle, or a repeat', async () => {
    const withRows = { ...topic, businessRows: 'select 1' };
    const postOf = (fields: object) => schedule(untouched, { ...post(), topic: withRows, ...fields });
    await expect(postOf({})).rejects.toMatchObject({ code: 'invalidCycle', field: 'cycle' });
    const repeat = { every: 'P1D' };
    await expect(postOf({ cycle: 1, repeat })).rejects.toMatchObject({ code: 'invalidRepeat', field: 'repeat' });
    await expect(postOf({ cycle: 1 })).rejects.not.toBeInstanceOf(MessageError);
  });

  it('a payload that refers to itself', async () => {
    const endless: Record<string, unknown> = { note: 'n' };
    endless.self = endless;
    await expect(schedule(untouched, post({ payload: endless }))).rejects.toMatchObject({ code: 'invalidPayload' });
  });

  it('in cancel, move and list, too', async () => {
    const ref = { topic: 'test.effect', tenant: 'acme', key: 'k' };
    await expect(cancel(untouched, { ...ref, tenant: "a' or '" })).rejects.toMatchObject({ code: 'invalidTenant' });
    await expect(cancel(untouched, ref, { commandId: '' })).rejects.toMatchObject({ code: 'invalidCommandId' });
    await expect(move(untouched, ref, { dueAt: '12:00' })).rejects.toMatchObject({ code: 'invalidDueAt' });
    await expect(move(untouched, ref, { dueAt: now / 1_000 })).rejects.toMatchObject({ code: 'invalidDueAt' });
    const seconds = { dueAt: Math.round(now / 1_000) };
    await expect(move(untouched, ref, seconds)).rejects.toMatchObject({ code: 'dueAtTooEarly' });
    const asked = move(untouched, ref, { ...seconds, dueBefore2000: true });
    await expect(asked).rejects.not.toBeInstanceOf(MessageError);
    await expect(move(untouched, ref, { dueAt: now, cycle: 2_147_483_647 })).rejects.toMatchObject({ field: 'cycle' });
    await expect(move(untouched, ref, { dueAt: now, expectedCycle: 0 })).rejects.toMatchObject({
      code: 'invalidCycle',
      field: 'expectedCycle',
    });
    const client = { workflow: { list: () => [] } } as unknown as Client;
    await expect(list(client, { tenant: "a' or '" }).next()).rejects.toMatchObject({ code: 'invalidTenant' });
    await expect(list(client, { dueFrom: 'now' }).next()).rejects.toMatchObject({ code: 'invalidDueAt' });
  });

  it('a topic whose name cannot be part of an id', () => {
    expect(() => defineTopic({ ...topic, name: 'no spaces' })).toThrow(
      expect.objectContaining({ code: 'invalidTopic' }),
    );
  });
});

describe("a topic's limits", () => {
  const bad = [-1, Number.NaN, Number.POSITIVE_INFINITY, '10' as unknown as number, null as unknown as number];
  it.each([
    ...[...bad, 86_400_001].map((value) => ['leadMs', value, 'invalidLead'] as const),
    ...[...bad, 0, 1 / 86_401].map((value) => ['landingsPerSecond', value, 'invalidPace'] as const),
    ...[...bad, 0].map((value) => ['startDelayFromMs', value, 'invalidStartDelay'] as const),
    ...[...bad, 0, 20_001].map((value) => ['handlerTimeoutMs', value, 'invalidHandlerTimeout'] as const),
  ])('%s of %p is refused with the name of the topic', (field, value, code) => {
    const refused = expect.objectContaining({ code, field, message: expect.stringContaining('test.effect') });
    expect(() => defineTopic({ ...topic, [field]: value })).toThrow(refused);
  });

  it.each(['never', true, null])('bySets of %j is refused, and always is not', (value) => {
    const refused = expect.objectContaining({ code: 'invalidBySets', field: 'bySets' });
    expect(() => defineTopic({ ...topic, bySets: value as never })).toThrow(refused);
    expect(defineTopic({ ...topic, bySets: 'always' })).toMatchObject({ bySets: 'always' });
  });

  it.each([
    ['observed', [{ table: 'payment_request', where: 'id = $2' }]],
    ['observed', [{ table: 'payments.request; drop table x', where: 'id = $2' }]],
    ['observed', [{ table: 'payments.payment_request', where: 'true' }]],
    ['volatile', ['']],
  ])('%s of %j is refused: nobody could read its rows, or it would read them all', (field, value) => {
    const refused = expect.objectContaining({ code: 'invalidObserved', field });
    expect(() => defineTopic({ ...topic, [field]: value })).toThrow(refused);
    const observed = [{ table: 'payments.payment_request', where: 'tenant = $1 and id = $2' }];
    expect(defineTopic({ ...topic, observed, volatile: ['closed_at'] })).toMatchObject({ observed });
  });

  it.each([
    ['leadMs', [0, 0.5, 86_400_000]],
    ['landingsPerSecond', [1 / 86_400, 1, 5_000]],
    ['handlerTimeoutMs', [1, 20_000]],
  ])('%s may be any of %p (the control)', (field, values) => {
    for (const value of values) expect(defineTopic({ ...topic, [field]: value })).toMatchObject({ [field]: value });
  });
});

describe('instants', () => {
  it('of every millisecond in reach survive RFC 3339, in UTC and with any offset', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: -14 * 60, max: 14 * 60 }),
        (epochMs, offsetMinutes) => {
          expect(epochMsOf(rfc3339(epochMs))).toBe(epochMs);
          const local = rfc3339(epochMs + offsetMinutes * 60_000).slice(0, -1);
          const [hours, minutes] = [Math.floor(Math.abs(offsetMinutes) / 60), Math.abs(offsetMinutes) % 60];
          const offset = [hours, minutes].map((part) => String(part).padStart(2, '0')).join(':');
          expect(epochMsOf(`${local}${offsetMinutes < 0 ? '-' : '+'}${offset}`)).toBe(epochMs);
        },
      ),
    );
  });

  it.each([
    '2027-01-01T24:00:00Z',
    '2027-01-01T00:00:60Z',
    '2027-13-01T00:00:00Z',
    '2027-01-01T00:00Z',
    '2027-01-01 00:00:00Z',
    '',
  ])('are not read from %p', (text) => expect(epochMsOf(text)).toBeNaN());
});
