import { nanoid } from 'nanoid';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { closeRequest, findRequest, insertRequest } from '../../app/payment-requests/rows';
import { paymentsSchema } from '../../app/payment-requests/schema';
import { paymentRequestExpiry2, reminder } from '../../examples/expiry-v2/expiry';
import { land } from '../../src/delivery/landing/landing';
import { asyncApiOf } from '../../src/events/asyncapi/document';
import type { PostdateEvent } from '../../src/events/outbox';
import type { Delivery } from '../../src/message/contract';
import type { Decision } from '../../src/message/decision';
import type { Topic } from '../../src/topics/topic';
import { useDatabase } from '../support/database';
import { objectionsTo } from '../support/described-events';

const database = useDatabase(paymentsSchema);
const objections = objectionsTo(asyncApiOf([paymentRequestExpiry2]) as never);

async function due() {
  const request = { tenant: 'acme', id: nanoid(), payer: 'Doe', payee: 'John', amount: '100.00', currency: 'EUR' };
  await insertRequest(database.pool, request, Date.now() - 1_000);
  return request;
}
type Request = Awaited<ReturnType<typeof due>>;

async function expire(topic: Topic, requests: Request[]): Promise<Decision[]> {
  const deliveries = requests.map(({ tenant, id: key }): Delivery => {
    const message = { v: 1, topic: topic.name, tenant, key, cycle: 1, dueAt: Date.now() - 1, payload: {} } as const;
    return { message, late: false };
  });
  return (await land(database.pool, topic, deliveries)).map((landing) => (landing as { decision: Decision }).decision);
}
const toldOf = async ({ id }: Request): Promise<PostdateEvent[]> =>
  (
    await database.pool.query('select payload from postdate.outbox where aggregateid = $1 order by seq', [`acme/${id}`])
  ).rows.map(({ payload }) => payload);

it.each<[string, Topic]>([
  ['as a set', paymentRequestExpiry2],
  ['one by one', { ...paymentRequestExpiry2, landAll: undefined }],
])('the second version of the expiry reminds first, and then does what the first one does, %s', async (_, topic) => {
  const [open, paid] = [await due(), await due()];
  await closeRequest(database.pool, paid, 'PAID');
  const decisions = await expire(topic, [open, paid]);
  expect(decisions.map(({ outcome }) => outcome)).toEqual(['delivered', 'skipped']);
  expect((await findRequest(database.pool, open))?.status).toBe('EXPIRED');

  const told = await toldOf(open);
  expect(told.map(({ type }) => type)).toEqual([reminder.type, 'payment-request.expired']);
  expect(told.map(({ data }) => data.status)).toEqual(['PENDING', 'EXPIRED']);
  for (const event of told) expect(objections(event)).toEqual([]);
  // Nothing to remind of.
  expect(await toldOf(paid)).toEqual([]);
});

it('the first version reminds of nothing (the control), and either lands what was posted for the other', async () => {
  const request = await due();
  await expire(paymentRequestExpiry, [request]);
  expect((await toldOf(request)).map(({ type }) => type)).toEqual(['payment-request.expired']);
  for (const shared of ['name', 'payload', 'leadMs', 'businessRows'] as const)
    expect(paymentRequestExpiry2[shared]).toBe(paymentRequestExpiry[shared]);
});
