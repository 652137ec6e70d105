import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { again, defineTopic, done, schedule, skip } from '../src';

const WEEK_MS = 7 * 86_400_000;

/** Three weekly reminders, until the invoice is paid, however often it is moved. The key is the invoice's id. */
export const invoiceReminder = defineTopic({
  name: 'invoice.reminder',
  payload: z.object({ customer: z.string() }),
  async handle(tx, { tenant, key, occurrence, dueAt, payload }) {
    const open = 'select 1 from billing.invoice where tenant = $1 and id = $2 and paid_at is null for update';
    if ((await tx.query(open, [tenant, key])).rowCount === 0) return skip('paid, or gone');
    await tx.emit('invoice.reminded', { invoice: key, customer: payload.customer, reminder: occurrence });
    return occurrence < 3 ? again(dueAt + WEEK_MS) : done;
  },
});

/** The producer's side. */
export const remindOf = (client: Client, tenant: string, invoice: string, customer: string, dueAt: Date) =>
  schedule(client, { topic: invoiceReminder, tenant, key: invoice, dueAt, payload: { customer } });
