import { paymentRequestData, paymentRequestEvents } from '../../app/payment-requests/events';
import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { defineEvent, defineTopic, type GroupTransaction, type Topic } from '../../src';

type Data = Record<string, unknown>;
type Told = Parameters<GroupTransaction['emit']>[0];

export const reminder = defineEvent({
  type: 'payment-request.reminder',
  summary: 'Last call: it is due and still unpaid, and expires in the same moment',
  data: paymentRequestData,
});

const isExpiry = ({ type }: { type: string }) => type === paymentRequestEvents.expired.type;
/** As it was a moment before. */
const stillPending = (data: Data): Data => ({ ...data, status: 'PENDING', closedAt: undefined });

const landAll = paymentRequestExpiry.landAll as NonNullable<Topic['landAll']>;

/**
 * The second version of a payment request's expiry: it reminds, and then does what the first one does, in one landing. It has
 * the first one's name, payload and rows, so either may land what was posted years ago.
 */
export const paymentRequestExpiry2 = defineTopic({
  ...paymentRequestExpiry,
  events: [...(paymentRequestExpiry.events ?? []), reminder],
  landAll: ({ query, emit }, messages) =>
    landAll({ query, emit: async (told) => emit([...remindersOf(told), ...told]) }, messages),
  handle: ({ query, emit }, message) =>
    paymentRequestExpiry.handle(
      {
        query,
        async emit(type, data) {
          if (isExpiry({ type })) await emit(reminder.type, stillPending(data));
          await emit(type, data);
        },
      },
      message,
    ),
});

const remindersOf = (told: Told): Told =>
  told.filter(isExpiry).map(({ message, data }) => ({ message, type: reminder.type, data: stillPending(data) }));
