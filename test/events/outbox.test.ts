import { nanoid } from 'nanoid';
import { z } from 'zod';
import { appendEvent, appendEvents, eventIdOf } from '../../src/events/outbox';
import { inTransaction } from '../../src/platform/database/pool';
import { useDatabase } from '../support/database';

const database = useDatabase();

// CloudEvents 1.0, required attributes and naming rule of extensions: github.com/cloudevents/spec, spec.md.
const cloudEvent = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().min(1),
    source: z.string().regex(/^[^\s]+$/),
    type: z.string().min(1),
    subject: z.string().min(1),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    data: z.record(z.string(), z.unknown()),
  })
  .catchall(z.union([z.string(), z.number().int(), z.boolean()]));

const origin = () => ({ topic: 'test.outbox', tenant: 'acme', key: nanoid(), cycle: 3 });

it('an event is CloudEvents 1.0 JSON whose id names topic, tenant, key, cycle and type', async () => {
  const from = { ...origin(), key: 'invoice-7' };
  await inTransaction(database.pool, (tx) => appendEvent(tx, from, 'test.happened', { amount: '1.00' }));
  const { rows } = await database.pool.query('select id, payload from postdate.outbox where aggregateid = $1', [
    'acme/invoice-7',
  ]);
  const event = cloudEvent.parse(rows[0].payload);
  expect(event).toMatchObject({ subject: 'acme/invoice-7', tenant: 'acme', cycle: 3, data: { amount: '1.00' } });
  expect(event.id).toBe('test.outbox:acme:invoice-7:3:test.happened');
  expect(rows[0].id).toBe(event.id);
  for (const name of Object.keys(event)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
});

it('events that are appended together have each its own parts, and only those with an occurrence have one', async () => {
  const [first, second] = [origin(), { ...origin(), occurrence: 2 }];
  const type = 'test.happened';
  await inTransaction(database.pool, (tx) =>
    appendEvents(tx, [
      { origin: first, type, data: { of: 'first' } },
      { origin: second, type, data: { of: 'second' } },
    ]),
  );
  const payloadOf = async ({ key }: { key: string }) => {
    const { rows } = await database.pool.query('select payload from postdate.outbox where aggregateid = $1', [
      `acme/${key}`,
    ]);
    return rows[0].payload;
  };
  const of = ({ key }: { key: string }) => ({
    ...{ specversion: '1.0', source: '/postdate/test.outbox', tenant: 'acme', cycle: 3, subject: `acme/${key}`, type },
    ...{ id: `test.outbox:acme:${key}:3:${type}`, datacontenttype: 'application/json', time: expect.any(String) },
  });
  expect(await payloadOf(first)).toEqual({ ...of(first), data: { of: 'first' } });
  expect(await payloadOf(second)).toEqual({ ...of(second), data: { of: 'second' }, occurrence: 2 });
});

it('an event is not there when its transaction is rolled back', async () => {
  const from = origin();
  const rolledBack = inTransaction(database.pool, async (tx) => {
    await appendEvent(tx, from, 'test.happened', {});
    throw new Error('rolled back');
  });
  await expect(rolledBack).rejects.toThrow('rolled back');
  await inTransaction(database.pool, (tx) => appendEvent(tx, from, 'test.happened', {}));
});

it('a second event of one cycle and type is refused, one of the next cycle is not', async () => {
  const from = origin();
  const append = (cycle: number) =>
    inTransaction(database.pool, (tx) => appendEvent(tx, { ...from, cycle }, 'test.happened', {}));
  await append(1);
  await expect(append(1)).rejects.toMatchObject({ code: '23505' });
  await append(2);
});

it('ids of different origins never meet, because the separator can be in no part', () => {
  const base = { topic: 't', tenant: 'a', key: 'b', cycle: 1 };
  expect(eventIdOf({ ...base, tenant: 'a.b', key: 'c' }, 'x')).not.toBe(
    eventIdOf({ ...base, tenant: 'a', key: 'b.c' }, 'x'),
  );
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'data with %p is refused with the name of its field, and is no null to a listener; a null stays one (the control)',
  async (number) => {
    const from = origin();
    const append = (amount: number | null) =>
      inTransaction(database.pool, (tx) => appendEvent(tx, from, 'test.happened', { sum: { amount } }));
    await expect(append(number)).rejects.toThrow(/^an event's data has -?(NaN|Infinity) in amount, /);
    await append(null);
    const { rows } = await database.pool.query(
      `select payload -> 'data' as data from postdate.outbox where aggregateid = $1`,
      [`acme/${from.key}`],
    );
    expect(rows).toEqual([{ data: { sum: { amount: null } } }]);
  },
);
