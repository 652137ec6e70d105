import { defineConsumer } from '../../src';
import type { PaymentRequestEventData, PaymentRequestEventType } from './events';

type Wording = (data: PaymentRequestEventData) => string;
const sum = ({ amount, currency }: PaymentRequestEventData) => `${amount} ${currency}`;

const wordings: Record<PaymentRequestEventType, { payer: Wording; payee: Wording }> = {
  'payment-request.requested': {
    payer: (data) => `${data.payee} asks you for ${sum(data)}, until ${data.dueAt}`,
    payee: (data) => `you asked ${data.payer} for ${sum(data)}`,
  },
  'payment-request.paid': {
    payer: (data) => `you paid ${sum(data)} to ${data.payee}`,
    payee: (data) => `${data.payer} paid you ${sum(data)}`,
  },
  'payment-request.cancelled': {
    payer: (data) => `${data.payee} no longer asks you for ${sum(data)}`,
    payee: (data) => `you cancelled your request for ${sum(data)} to ${data.payer}`,
  },
  'payment-request.extended': {
    payer: (data) => `you have until ${data.dueAt} to pay ${sum(data)} to ${data.payee}`,
    payee: (data) => `${data.payer} has until ${data.dueAt} to pay you ${sum(data)}`,
  },
  'payment-request.expired': {
    payer: (data) => `${data.payee}'s request for ${sum(data)} has expired`,
    payee: (data) => `your request to ${data.payer} for ${sum(data)} has expired unpaid`,
  },
};

const isOurs = (type: string): type is PaymentRequestEventType => type in wordings;

/** Turns each event of a payment request into one notification for each of the two people it concerns. */
export const notifications = defineConsumer({
  name: 'notifications',
  from: 'start',
  async handle(tx, { event }) {
    if (!isOurs(event.type)) return;
    const data = event.data as PaymentRequestEventData;
    const wording = wordings[event.type];
    const channel = event.type === 'payment-request.expired' ? 'warning' : 'push';
    await tx.query(
      `insert into payments.notification (tenant, person, event_id, channel, text)
       values ($1, $2, $4, $5, $6), ($1, $3, $4, $5, $7)
       on conflict do nothing`,
      [event.tenant, data.payer, data.payee, event.id, channel, wording.payer(data), wording.payee(data)],
    );
  },
});
