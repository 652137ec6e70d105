import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { nanoid } from 'nanoid';
import type { PoolClient } from 'pg';
import { invoiceReminder } from '../../../examples/invoice-reminder';
import { cancelIn, moveIn, scheduleIn } from '../../../src/client';
import { MessageError } from '../../../src/message/admission';
import { inTransaction } from '../../../src/platform/database/pool';
import { registerTopics } from '../../../src/producing/dispatch/register-topics';
import { useDatabase } from '../../support/database';
import { post, refOf, postedTopic as topic } from '../../support/dispatching';

const database = useDatabase();
const withRows = { ...topic, name: 'test.rows', businessRows: 'select 1' };
const HOUR_MS = 3_600_000;
beforeAll(() => registerTopics(database.pool, [topic, withRows]));
beforeEach(() => database.pool.query('truncate postdate.command'));

type Post = ReturnType<typeof post>;
const posted = async () =>
  (await database.pool.query('select key, what, command_id, body from postdate.command order by seq')).rows;
const keys = async () => (await posted()).map(({ key }) => key);
const scheduleSql = (tx: PoolClient, { tenant, key, dueAt, payload }: Post) =>
  tx.query('select postdate.schedule($1, $2, $3, $4, $5)', [topic.name, tenant, key, new Date(dueAt), payload]);

describe.each([
  ['plain SQL', scheduleSql],
  ['scheduleIn', scheduleIn],
])('by %s a message is posted if and only if the transaction commits', (_how, schedule) => {
  it('committed it is there, and not before', async () => {
    const message = post();
    await inTransaction(database.pool, async (tx) => {
      await schedule(tx, message);
      expect(await keys()).toEqual([]);
    });
    expect(await posted()).toMatchObject([
      { key: message.key, what: 'schedule', body: { dueAt: message.dueAt, payload: { note: 'n' }, payloadVersion: 1 } },
    ]);
  });

  it('rolled back it is not there', async () => {
    const failed = inTransaction(database.pool, async (tx) => {
      await schedule(tx, post());
      throw new Error('no money');
    });
    await expect(failed).rejects.toThrow('no money');
    expect(await keys()).toEqual([]);
  });

  it('rolled back to a savepoint only what came after it is not there', async () => {
    const [before, undone, after] = [post(), post(), post()];
    await inTransaction(database.pool, async (tx) => {
      await schedule(tx, before);
      await tx.query('savepoint here');
      await schedule(tx, undone);
      await tx.query('rollback to here');
      await schedule(tx, after);
    });
    expect(await keys()).toEqual([before.key, after.key]);
  });
});

it('a transaction of kysely posts, moves and cancels like one of node-postgres', async () => {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: database.pool }) });
  const message = post();
  const undone = db.transaction().execute(async (tx) => {
    await scheduleIn(tx, post());
    await sql`select 1 / 0`.execute(tx);
  });
  await expect(undone).rejects.toThrow('division by zero');
  await db.transaction().execute(async (tx) => {
    await scheduleIn(tx, message, { commandId: 'one', onConflict: 'keep' });
    await moveIn(tx, refOf(message), { dueAt: message.dueAt + 1, expectedCycle: 1, commandId: 'two' });
    expect(await cancelIn(tx, refOf(message), { reason: 'paid', commandId: 'three' })).toBe('three');
  });
  expect(await posted()).toMatchObject([
    { key: message.key, what: 'schedule', command_id: 'one', body: { onConflict: 'keep' } },
    { key: message.key, what: 'move', command_id: 'two', body: { dueAt: message.dueAt + 1, expectedCycle: 1 } },
    { key: message.key, what: 'cancel', command_id: 'three', body: { reason: 'paid' } },
  ]);
});

it('a command that is repeated is one command, and one without an id is given its own', async () => {
  const message = post();
  for (let time = 0; time < 3; time += 1) {
    await inTransaction(database.pool, (tx) => scheduleIn(tx, message, { commandId: 'same' }));
  }
  const ids = await Promise.all([1, 2].map(() => scheduleIn(database.pool, message)));
  const { rows } = await database.pool.query(`select postdate.cancel($1, 'acme', $2) as id`, [topic.name, message.key]);
  const commandIds = (await posted()).map(({ command_id }) => command_id);
  expect(new Set(commandIds)).toEqual(new Set(['same', ...ids, rows[0].id]));
  expect(commandIds).toHaveLength(4);
});

it('a command id that was used for another command is refused with the field that differs, by either way', async () => {
  const message = post({ staleAfterMs: 60_000, cycle: 1 });
  const repeat = { every: 'P1D', until: new Date(message.dueAt + 1) };
  const schedule = (fields = {}, options = {}) =>
    scheduleIn(database.pool, { ...message, repeat, ...fields }, { commandId: 'used', ...options });
  await schedule();
  const differing: [string, () => Promise<string>][] = [
    ['dueAt', () => schedule({ dueAt: message.dueAt + 1 })],
    ['payload', () => schedule({ payload: { note: 'm' } })],
    ['cycle', () => schedule({ cycle: 2 })],
    ['staleAfterMs', () => schedule({ staleAfterMs: undefined })],
    ['repeat', () => schedule({ repeat: undefined })],
    ['onConflict', () => schedule({}, { onConflict: 'keep' })],
    ['payloadVersion', () => schedule({ topic: { ...topic, payloadVersion: 2, upcasts: [(old: unknown) => old] } })],
    ['commandId', () => cancelIn(database.pool, refOf(message), { commandId: 'used' })],
    ['commandId', () => moveIn(database.pool, refOf(message), { dueAt: message.dueAt, commandId: 'used' })],
  ];
  for (const [field, command] of differing) {
    await expect(command()).rejects.toMatchObject({ name: 'MessageError', code: 'commandIdReused', field });
  }
  await cancelIn(database.pool, refOf(message), { commandId: 'cancel', reason: 'paid' });
  const other = cancelIn(database.pool, refOf(message), { commandId: 'cancel', reason: 'gone' });
  await expect(other).rejects.toMatchObject({ code: 'commandIdReused', field: 'reason' });
  await moveIn(database.pool, refOf(message), { dueAt: message.dueAt, commandId: 'move' });
  const moved = moveIn(database.pool, refOf(message), { dueAt: message.dueAt, commandId: 'move', expectedCycle: 1 });
  await expect(moved).rejects.toMatchObject({ code: 'commandIdReused', field: 'expectedCycle' });
  // The control: the same again, and the same id for another message.
  expect(await schedule()).toBe('used');
  expect(await cancelIn(database.pool, refOf(message), { commandId: 'cancel', reason: 'paid' })).toBe('cancel');
  expect(await schedule({ key: 'another', dueAt: message.dueAt + 1, repeat: undefined })).toBe('used');
  expect((await posted()).map(({ command_id }) => command_id)).toEqual(['used', 'cancel', 'move', 'used']);
});

it('a repeated call in SQL is the same command after its topic has got another version', async () => {
  const call = () =>
    database.pool.query(`select postdate.schedule('test.versions', 'acme', 'k', '2027-01-01Z', command_id => 'same')`);
  await registerTopics(database.pool, [{ ...topic, name: 'test.versions' }]);
  await call();
  const upcasts = [(old: unknown) => old];
  await registerTopics(database.pool, [{ ...topic, name: 'test.versions', payloadVersion: 2, upcasts }]);
  await call();
  expect(await posted()).toMatchObject([{ body: { payloadVersion: 1 } }]);
});

it('all that a post can say is kept, and a due time is never rounded down', async () => {
  const [message, until] = [post({ cycle: 3, staleAfterMs: 90_000 }), Date.now() + 10 * HOUR_MS];
  const repeat = { cron: '0 9 * * 1', zone: 'Europe/Amsterdam', until: new Date(until), missed: 'all' as const };
  await scheduleIn(database.pool, { ...message, repeat, payload: { note: 'a\\u0000 , : "é" 😀' } });
  await database.pool.query(
    `select postdate.schedule($1, 'acme', 'sql', '2027-01-01T00:00:00.0000011Z', '{"note": null}',
                              stale_after => interval '90 seconds', repeat => '{"every": "P1D", "until": null}')`,
    [topic.name],
  );
  expect((await posted()).map(({ body }) => body)).toEqual([
    {
      dueAt: message.dueAt,
      payload: { note: 'a\\u0000 , : "é" 😀' },
      payloadVersion: 1,
      cycle: 3,
      staleAfterMs: 90_000,
      onConflict: 'reject',
      repeat: { ...repeat, until },
    },
    {
      dueAt: Date.UTC(2027, 0, 1) + 1,
      payload: { note: null },
      payloadVersion: 1,
      staleAfterMs: 90_000,
      onConflict: 'reject',
      repeat: { every: 'P1D' },
    },
  ]);
});

it("the page's example is let in, in its order", async () => {
  await registerTopics(database.pool, [invoiceReminder as never]);
  const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operations.md'), 'utf8');
  await database.pool.query(/```sql\n(begin;.*?)```/s.exec(page)?.[1] as string);
  expect(await posted()).toMatchObject(['schedule', 'move', 'cancel'].map((what) => ({ what, key: 'invoice-7' })));
});

it('a producer needs the right to use the schema and to call the function, and none on its tables', async () => {
  const role = `producer_${nanoid(8).toLowerCase().replaceAll('-', '_')}`;
  await database.pool.query(`create role ${role}; grant usage on schema postdate to ${role};
    grant execute on function postdate.schedule to ${role}`);
  try {
    await inTransaction(database.pool, async (tx) => {
      await tx.query(`set local role ${role}`);
      await scheduleIn(tx, post());
    });
    expect(await keys()).toHaveLength(1);
    const forbidden = inTransaction(database.pool, async (tx) => {
      await tx.query(`set local role ${role}`);
      await tx.query('delete from postdate.command');
    });
    await expect(forbidden).rejects.toMatchObject({ code: '42501' });
  } finally {
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});

describe('bad input is refused by code and field, before anything is stored', () => {
  afterEach(async () => expect(await keys()).toEqual([]));

  const years = (count: number) => Date.now() + count * 365.25 * 24 * HOUR_MS;
  it.each([
    ['a topic that is only a name', { topic: 'test.effect' }, 'unknownTopic', 'topic'],
    ['a topic that no worker serves', { topic: { ...topic, name: 'test.nobody' } }, 'unknownTopic', 'topic'],
    ['a tenant with a colon', { tenant: 'a:b' }, 'invalidTenant', 'tenant'],
    ['a tenant with a NUL', { tenant: 'a\0b' }, 'invalidTenant', 'tenant'],
    ['a key that is half a surrogate pair', { key: '\ud83d' }, 'invalidKey', 'key'],
    ['a key with a newline at its end', { key: 'k\n' }, 'invalidKey', 'key'],
    ['an id of 256 bytes', { key: 'k'.repeat(256 - 'postdate:test.effect:acme:'.length) }, 'idTooLong', 'key'],
    ['a cycle of zero', { cycle: 0 }, 'invalidCycle', 'cycle'],
    ['a payload of another shape', { payload: { note: 7 } }, 'invalidPayload', 'payload'],
    ['a payload of 17 KB', { payload: { note: 'n'.repeat(17_408) } }, 'payloadTooLarge', 'payload'],
    ['a payload with a NUL', { payload: { note: 'a\\\0' } }, 'invalidPayload', 'payload'],
    [
      'a payload with an infinite number',
      { payload: { note: 'n', n: Number.POSITIVE_INFINITY } },
      'unsafeNumber',
      'payload.n',
    ],
    ['a payload with half a surrogate pair', { payload: { note: '\udc00 😀' } }, 'invalidPayload', 'payload'],
    ['a due time in words', { dueAt: 'next friday' }, 'invalidDueAt', 'dueAt'],
    ['a due time that is infinite', { dueAt: Number.POSITIVE_INFINITY }, 'invalidDueAt', 'dueAt'],
    ['a due time before all calendars', { dueAt: -8.64e15 }, 'invalidDueAt', 'dueAt'],
    ['a due time over 20 years ahead', { dueAt: years(20.1) }, 'dueAtTooFar', 'dueAt'],
    ['a due time in seconds', { dueAt: Math.round(Date.now() / 1_000) }, 'dueAtTooEarly', 'dueAt'],
    ['a cron expression with a 61st minute', { repeat: { cron: '61 * * * *' } }, 'invalidRepeat', 'repeat.cron'],
    ['a limit that is before the due time', { staleAfterMs: -1 }, 'invalidStaleAfter', 'staleAfterMs'],
    ['a topic with rows and no cycle', { topic: withRows }, 'invalidCycle', 'cycle'],
  ])('scheduleIn: %s', async (_what, fields, code, field) => {
    const refused = scheduleIn(database.pool, post(fields) as Parameters<typeof scheduleIn>[1]);
    await expect(refused).rejects.toBeInstanceOf(MessageError);
    await expect(refused).rejects.toMatchObject({ code, field });
  });

  it('scheduleIn, cancelIn, moveIn: what is beside the message', async () => {
    const ref = refOf(post());
    const refusals: [() => Promise<string>, object][] = [
      [() => scheduleIn(database.pool, post(), { commandId: 'a b' }), { code: 'invalidCommandId' }],
      [() => scheduleIn(database.pool, post(), { onConflict: 'merge' as 'move' }), { code: 'invalidOnConflict' }],
      [() => cancelIn(database.pool, { ...ref, tenant: "a' or '" }), { code: 'invalidTenant' }],
      [() => cancelIn(database.pool, ref, { commandId: '' }), { code: 'invalidCommandId' }],
      [() => cancelIn(database.pool, { ...ref, topic: 'test.nobody' }), { code: 'unknownTopic' }],
      [() => moveIn(database.pool, ref, { dueAt: '12:00' }), { code: 'invalidDueAt' }],
      [() => moveIn(database.pool, ref, { dueAt: years(21) }), { code: 'dueAtTooFar' }],
      [() => moveIn(database.pool, ref, { dueAt: Date.now(), expectedCycle: 0 }), { field: 'expectedCycle' }],
    ];
    for (const [command, refusal] of refusals) {
      await expect(command()).rejects.toMatchObject({ name: 'MessageError', ...refusal });
    }
  });

  const soon = `now() + interval '1 hour'`;
  const message = (key: string, dueAt: string, more = '') =>
    `postdate.schedule('test.effect', 'acme', ${key}, ${dueAt} ${more})`;
  const refused = (call: string) => database.pool.query(`select ${call}`);
  it.each([
    ['no topic', `postdate.schedule(null, 'acme', 'k', ${soon})`, 'invalidTopic', 'topic'],
    ['a topic with a space', `postdate.schedule('a b', 'acme', 'k', ${soon})`, 'invalidTopic', 'topic'],
    ['a topic that nobody serves', `postdate.schedule('nobody', 'acme', 'k', ${soon})`, 'unknownTopic', 'topic'],
    ['no tenant', `postdate.schedule('test.effect', null, 'k', ${soon})`, 'invalidTenant', 'tenant'],
    ['a tenant with a letter of Sweden', `postdate.cancel('test.effect', 'Åre', 'k')`, 'invalidTenant', 'tenant'],
    ['an empty key', message(`''`, soon), 'invalidKey', 'key'],
    ['a key with a newline at its end', message(`E'k\\n'`, soon), 'invalidKey', 'key'],
    ['an id of 256 bytes', message(`repeat('k', 230)`, soon), 'idTooLong', 'key'],
    ['no due time', message(`'k'`, 'null'), 'invalidDueAt', 'dueAt'],
    ['a due time that is infinite', message(`'k'`, `'infinity'`), 'invalidDueAt', 'dueAt'],
    ['a due time that was always', message(`'k'`, `'-infinity'`), 'invalidDueAt', 'dueAt'],
    [
      'a due time before the year 1',
      message(`'k'`, `timestamptz '0001-12-31 00:00:00+00 BC'`),
      'invalidDueAt',
      'dueAt',
    ],
    ['a due time over 20 years ahead', message(`'k'`, `now() + interval '20 years 2 days'`), 'dueAtTooFar', 'dueAt'],
    ['a cycle of zero', message(`'k'`, soon, ', cycle => 0'), 'invalidCycle', 'cycle'],
    ['a cycle of 2147483648', message(`'k'`, soon, ', cycle => 2147483648'), 'invalidCycle', 'cycle'],
    ['a cycle without room for the next', message(`'k'`, soon, ', cycle => 2147483647'), 'invalidCycle', 'cycle'],
    ['a due time in seconds', message(`'k'`, 'to_timestamp(1796043883.927 / 1000)'), 'dueAtTooEarly', 'dueAt'],
    [
      'a move to seconds',
      `postdate.move('test.effect', 'acme', 'k', to_timestamp(1796043883.927 / 1000))`,
      'dueAtTooEarly',
      'dueAt',
    ],
    [
      'a payload of 17 KB',
      message(`'k'`, soon, `, jsonb_build_object('note', repeat('n', 17408))`),
      'payloadTooLarge',
      'payload',
    ],
    ['a number of 17 digits', message(`'k'`, soon, `, '{"n": 9007199254740993}'`), 'unsafeNumber', 'payload.n'],
    ['a number beyond doubles', message(`'k'`, soon, `, '{"a": [0, {"n": 1e400}]}'`), 'unsafeNumber', 'payload.a.1.n'],
    ['a number that a double rounds', message(`'k'`, soon, `, '0.12345678901234567890'`), 'unsafeNumber', 'payload'],
    ['a repeat in one word', message(`'k'`, soon, `, repeat => '"daily"'`), 'invalidRepeat', 'repeat'],
    [
      'a repeat of 5 KB',
      message(`'k'`, soon, `, repeat => jsonb_build_object('every', 'P1D', 'why', repeat('x', 5000))`),
      'invalidRepeat',
      'repeat',
    ],
    ['no payload version', message(`'k'`, soon, ', payload_version => 0'), 'invalidPayloadVersion', 'payloadVersion'],
    [
      'a payload version below zero',
      message(`'k'`, soon, ', payload_version => -1'),
      'invalidPayloadVersion',
      'payloadVersion',
    ],
    [
      'a limit below zero',
      message(`'k'`, soon, `, stale_after => interval '-1 s'`),
      'invalidStaleAfter',
      'staleAfterMs',
    ],
    ['no answer to a conflict', message(`'k'`, soon, ', on_conflict => null'), 'invalidOnConflict', 'onConflict'],
    ['a command id with a space', message(`'k'`, soon, `, command_id => 'a b'`), 'invalidCommandId', 'commandId'],
    [
      'a command id of 129 letters',
      `postdate.cancel('test.effect', 'acme', 'k', command_id => repeat('c', 129))`,
      'invalidCommandId',
      'commandId',
    ],
    ['rows, and no cycle', `postdate.schedule('test.rows', 'acme', 'k', ${soon})`, 'invalidCycle', 'cycle'],
    [
      'rows, and a repeat',
      `postdate.schedule('test.rows', 'acme', 'k', ${soon}, cycle => 1, repeat => '{"every": "P1D"}')`,
      'invalidRepeat',
      'repeat',
    ],
    ['a move to no time', `postdate.move('test.effect', 'acme', 'k', null)`, 'invalidDueAt', 'dueAt'],
    [
      'a move of no cycle',
      `postdate.move('test.effect', 'acme', 'k', ${soon}, expected_cycle => 0)`,
      'invalidCycle',
      'expectedCycle',
    ],
  ])('plain SQL: %s', async (_what, call, code, field) => {
    const error = await refused(call).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'PD001', hint: expect.stringMatching(/\.$/) });
    expect(JSON.parse(error.detail)).toEqual({ code, field });
    expect(error.message).toMatch(new RegExp(`^${field}: `));
  });

  it.each([
    ['a NUL in a payload', `postdate.schedule('test.effect', 'acme', 'k', ${soon}, '{"note": "\\u0000"}')`, '22P05'],
    ['half a surrogate pair', `postdate.schedule('test.effect', 'acme', 'k', ${soon}, '{"note": "\\ud83d"}')`, '22P02'],
    ['a due time in words', message(`'k'`, `'next friday'`), '22007'],
  ])('plain SQL: %s is refused by PostgreSQL itself', async (_what, call, code) => {
    await expect(refused(call)).rejects.toMatchObject({ code });
  });
});

it('what is just within every limit is let in, by either way (the control)', async () => {
  const key = 'k'.repeat(255 - 'postdate:test.effect:acme:'.length);
  // Many commas and colons, which take more room in PostgreSQL's text than in the message.
  const note = { note: '', list: Array.from({ length: 1_000 }, () => ({ a: 1 })) };
  const payload = { ...note, note: ', : "'.repeat(100) };
  payload.note += 'n'.repeat(16_384 - JSON.stringify(payload).length);
  expect(JSON.stringify(payload)).toHaveLength(16_384);
  const dueAt = Date.now() + 20 * 365.25 * 24 * HOUR_MS - 60_000;
  await scheduleIn(database.pool, post({ key, payload, dueAt, cycle: 2_000_000_000, staleAfterMs: 1e300 }));
  await scheduleIn(database.pool, post({ dueAt: Date.parse('2000-01-01T00:00:00Z') }));
  await scheduleIn(database.pool, post({ dueAt: Date.parse('0001-01-01T00:00:00Z'), dueBefore2000: true }));
  await moveIn(database.pool, refOf(post()), { dueAt: 0, dueBefore2000: true, expectedCycle: 2_147_483_647 });
  await inTransaction(database.pool, async (tx) => {
    await tx.query('set local postdate.due_before_2000 = on');
    await tx.query(`select postdate.schedule('test.effect', 'acme', 'early', '0001-01-01T00:00:00Z')`);
  });
  const text = JSON.stringify(payload);
  const call = (json: string) =>
    database.pool.query(`select postdate.schedule($1, 'acme', $2, $3, $4, command_id => repeat('c', 128))`, [
      topic.name,
      key,
      new Date(dueAt),
      json,
    ]);
  await call(text);
  expect(await keys()).toHaveLength(6);
  await expect(call(text.replace('nn', 'nnn'))).rejects.toMatchObject({ code: 'PD001' });
});
