import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { paymentsSchema } from '../../../app/payment-requests/schema';
import type { PostdateEvent } from '../../../src/events/outbox';
import { useDatabase } from '../../support/database';
import { idIn, objectionsTo } from '../../support/described-events';
import { everyEvent } from '../../support/every-event';

const database = useDatabase(paymentsSchema);
const document = JSON.parse(readFileSync(join(__dirname, '..', '..', '..', 'docs', 'asyncapi.json'), 'utf8'));
const objections = objectionsTo(document);

// As long as a reason may be, cut in the middle of a character, and with one that PostgreSQL does not store.
const REASON = `no\0 such account${'!'.repeat(1_983)}${'🙈'.repeat(100)}`;

let events: PostdateEvent[] = [];
const eventOf = (type: string) => {
  const found = events.find((event) => event.type === type);
  if (!found) throw new Error(`no ${type} has happened`);
  return structuredClone(found);
};

beforeAll(async () => {
  events = await everyEvent(database.pool, { reason: REASON });
});

it('every event that the document describes has happened here, and is as described', () => {
  const { answer, ...described } = document.components.messages;
  expect([...new Set(events.map((event) => idIn(document, event)))].sort()).toEqual(Object.keys(described).sort());
  for (const event of events) expect({ event, objections: objections(event) }).toEqual({ event, objections: [] });
});

it('a failure is told also when its reason cannot be stored as it is, and the message ends by it', async () => {
  const { reason } = eventOf('postdate.failed').data as { reason: string };
  expect(reason).toMatch(/^no\ufffd such account!+\ufffd$/);
  const { rows } = await database.pool.query(`select outcome, reason from postdate.delivery where key = 'poison'`);
  expect(rows).toEqual([{ outcome: 'failed', reason }]);
});

describe('an event that is not as described is refused:', () => {
  type Changed = Record<string, unknown> & { data: Record<string, unknown> };
  it.each<[string, string, (event: Changed) => unknown, string]>([
    ['a field is gone', 'payment-request.paid', ({ data }) => delete data.amount, "property 'amount'"],
    ['a field is new', 'payment-request.paid', ({ data }) => (data.tip = '1.00'), '/data must NOT have .* tip'],
    ['a number for a text', 'payment-request.paid', ({ data }) => (data.amount = 100), '/data/amount must be string'],
    ['a state that is none', 'payment-request.expired', ({ data }) => (data.status = 'LOST'), '/data/status'],
    ['a local time', 'postdate.failed', ({ data }) => (data.dueAt = '2030-01-01T09:00:00'), '/data/dueAt .*date-time'],
    ['another reason', 'postdate.skipped', ({ data }) => (data.reason = 'why not'), '/data/reason'],
    ['no data', 'postdate.skipped', (event) => Reflect.deleteProperty(event, 'data'), "property 'data'"],
    ['no id', 'postdate.failed', (event) => delete event.id, "property 'id'"],
    ['a message of no tenant', 'orders.reminder.due', ({ data }) => delete data.tenant, "property 'tenant'"],
    ['a message of no payload', 'orders.reminder.due', ({ data }) => delete data.payload, "property 'payload'"],
    ['another topic', 'payment-request.paid', (event) => (event.source = '/postdate/x'), '/source'],
    ['a type of nobody', 'postdate.failed', (event) => (event.type = 'postdate.lost'), 'no event postdate.lost'],
  ])('%s', (_, type, change, objection) => {
    const event = eventOf(type);
    expect(objections(event)).toEqual([]);
    change(event as unknown as Changed);
    expect(objections(event).join('; ')).toMatch(new RegExp(objection));
  });
});
