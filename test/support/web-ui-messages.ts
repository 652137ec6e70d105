import type { Client } from '@temporalio/client';
import type { Pool } from 'pg';
import { z } from 'zod';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { createPaymentRequests } from '../../app/payment-requests/requests';
import { invoiceReminder } from '../../examples/invoice-reminder';
import { describe as describeMessage, list, schedule } from '../../src/client';
import type { MessageRef } from '../../src/message/contract';
import { defineTopic } from '../../src/topics/define-topic';
import { PermanentFailure, type Topic } from '../../src/topics/topic';
import { eventually } from './eventually';

export type Example = MessageRef & { dueAt: number };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
// Full hours read well, and show whole in a list that leaves out milliseconds.
const now = Math.ceil(Date.now() / HOUR_MS) * HOUR_MS;

const request = (tenant: string, key: string, dueAt: number): Example => ({
  topic: paymentRequestExpiry.name,
  tenant,
  key,
  dueAt,
});
const invoice = (tenant: string, key: string, dueAt: number): Example => ({
  topic: invoiceReminder.name,
  tenant,
  key,
  dueAt,
});

/** A topic whose messages end as failed. */
export const refusing = defineTopic({
  name: 'test.refusing',
  payload: z.strictObject({}),
  handle: () => Promise.reject(new PermanentFailure('nobody can do this')),
});

/** What waits, latest due first: the Web UI has what was posted last at the top. */
export const waiting = {
  in2040: invoice('globex', 'invoice-88', Date.parse('2040-01-10T09:00:00Z')),
  deposit: request('acme', 'deposit-7', now + 400 * DAY_MS),
  invoice: invoice('acme', 'invoice-2201', now + 30 * DAY_MS),
  loan: request('nordic-credit', 'loan-310', now + 14 * DAY_MS),
  control: request('acme', 'rent-1043', now + 7 * DAY_MS),
  bySignal: request('acme', 'rent-1042', now + 7 * DAY_MS),
  byUpdate: request('acme', 'lunch-31', now + 5 * DAY_MS),
  byButton: request('nordic-credit', 'loan-311', now + 3 * DAY_MS),
  moved: invoice('nordic-credit', 'invoice-17', now + 2 * DAY_MS),
  tomorrow: request('globex', 'order-5518', now + 26 * HOUR_MS),
  tonight: request('globex', 'order-5519', now + 5 * HOUR_MS),
  soon: request('acme', 'taxi-9', now + 2 * HOUR_MS),
} satisfies Record<string, Example>;

/** Due at once, and failed. */
export const failed: Example = { topic: refusing.name, tenant: 'acme', key: 'lost-1', dueAt: now - 2 * HOUR_MS };

/** What the worker serves. */
export const topics: Topic[] = [paymentRequestExpiry, invoiceReminder, refusing];

/** Posts all of them, one after the other; the payment requests as their service does, with their rows. */
export async function postExamples(pool: Pool, client: Client): Promise<void> {
  const requests = createPaymentRequests({ pool });
  await schedule(client, { ...failed, topic: refusing, payload: {} });
  await eventually(async () => expect(await describeMessage(client, failed)).toMatchObject({ state: 'failed' }));
  for (const example of Object.values(waiting)) {
    const { topic, tenant, key, dueAt } = example;
    if (topic === invoiceReminder.name) {
      await schedule(client, { tenant, key, dueAt, topic: invoiceReminder, payload: { customer: 'c-9' } });
    } else {
      await requests.request({ tenant, id: key, payer: 'Doe', payee: 'John', amount: '100', currency: 'EUR' }, dueAt);
    }
    await eventually(async () => expect(await describeMessage(client, example)).toMatchObject({ state: 'waiting' }));
  }
  await eventually(async () =>
    expect(Object.keys(await listedByKey(client))).toHaveLength(Object.keys(waiting).length),
  );
}

/** What waits, as Temporal lists it: due times by key. */
export async function listedByKey(client: Client): Promise<Record<string, string | undefined>> {
  const dueAts: Record<string, string | undefined> = {};
  for await (const { key, dueAt } of list(client, { state: 'waiting' })) dueAts[key] = dueAt;
  return dueAts;
}
