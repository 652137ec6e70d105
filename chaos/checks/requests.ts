import { paymentRequestExpiry } from '../../app/payment-requests/expiry';
import { isWithdrawn } from '../../src/message/decision';
import type { DiaryLine } from '../programs/diary';
import type { Evidence } from './evidence';
import { byId, type Check, idsWhere } from './violation';

const CLOSING: Record<string, string> = {
  'payment-request.paid': 'PAID',
  'payment-request.cancelled': 'CANCELLED',
  'payment-request.expired': 'EXPIRED',
};
const PEOPLE = ['Doe', 'John'];

const told = ({ answer }: DiaryLine): string | undefined =>
  answer?.result === 'tooLate' ? answer.status : { paid: 'PAID', cancelled: 'CANCELLED' }[answer?.result ?? ''];

/** Promises that hold at any moment, for requests and closings that were answered before. */
export const standingChecks: Check<Pick<Evidence, 'requests' | 'diary'>>[] = [
  {
    invariant: 'I9',
    what: 'a request accepted, and gone',
    broken({ requests, diary }) {
      const there = new Set(requests.map(({ id }) => id));
      return idsWhere(diary, ({ op, phase, id }) => op === 'request' && phase === 'ok' && !there.has(id));
    },
  },
  {
    invariant: 'I4, I5, I6',
    what: 'a caller told something else than what happened',
    broken({ requests, diary }) {
      const statusOf = new Map(requests.map(({ id, status }) => [id, status as string]));
      const answered = diary.filter((line) => line.phase === 'ok' && ['pay', 'cancel'].includes(line.op));
      return idsWhere(answered, (line) => told(line) === undefined || told(line) !== statusOf.get(line.id));
    },
  },
];

/** What each payment request owes in the end, also to those who listen. */
export const requestChecks: Check<Evidence>[] = [
  ...standingChecks,
  {
    invariant: 'I2',
    what: 'a request closed more than once',
    broken(seen) {
      const closingsOf = closings(seen);
      return idsWhere(seen.requests, ({ id }) => closingsOf(id).length > 1);
    },
  },
  {
    invariant: 'I3',
    what: 'a request that never ended',
    broken: ({ requests }) => idsWhere(requests, ({ status }) => status === 'PENDING'),
  },
  {
    invariant: 'I7',
    what: 'a request whose events and row say different things',
    broken(seen) {
      const eventsOf = byId(ours(seen), ({ of }) => of);
      const closingsOf = closings(seen);
      const count = (id: string, type: string) => eventsOf(id).filter((event) => event.type === type).length;
      return idsWhere(seen.requests, ({ id, status, cycle }) => {
        const closed = closingsOf(id).map(({ type }) => CLOSING[type]);
        const asIs = status === 'PENDING' ? [] : [status];
        return (
          String(closed) !== String(asIs) ||
          count(id, 'payment-request.requested') !== 1 ||
          count(id, 'payment-request.extended') !== cycle - 1
        );
      });
    },
  },
  {
    invariant: 'I22',
    what: 'a request’s message withdrawn by a signal that no producer sent',
    broken: ({ decisions }) =>
      idsWhere(
        decisions.filter(({ topic }) => topic === paymentRequestExpiry.name),
        ({ outcome, commandId = '' }) => isWithdrawn(outcome) && BY_HAND.test(commandId),
      ),
  },
  {
    invariant: 'I7',
    what: 'an event of which not each of the two people was notified once',
    broken({ events, notifications }) {
      const notified = byId(notifications, ({ eventId }) => eventId);
      const people = (id: string) =>
        notified(id)
          .map(({ person }) => person)
          .sort();
      return idsWhere(
        events,
        ({ id, type }) => type.startsWith('payment-request.') && String(people(id)) !== String(PEOPLE),
      );
    },
  },
];

// Every command of the producers has an id of its own. The workflow gives a signal without one such an id.
const BY_HAND = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const ours = ({ events }: Evidence) => events.filter(({ topic }) => topic === paymentRequestExpiry.name);

function closings(seen: Evidence) {
  return byId(
    ours(seen).filter(({ type }) => type in CLOSING),
    ({ of }) => of,
  );
}
