import { isWithdrawn } from '../../src/message/decision';
import type { Decided, Evidence } from './evidence';
import { type Check, idsWhere } from './violation';

// A run of one cycle has some twenty events; retries of workflow tasks in an outage, and commands, add to them.
const MOST_EVENTS = 200;
// Only a clock that was put forward decides in the future.
const WRONG_CLOCK_MS = 3_600_000;

/** Promises for messages of every topic. */
export const generalChecks: Check<Evidence>[] = [
  {
    invariant: 'I1',
    what: 'landed before it was due, by the clock that decides',
    broken: ({ decisions }) => idsWhere(decisions, (one) => isLanded(one) && one.decidedAt < one.dueAt),
  },
  {
    invariant: 'I1',
    what: 'heard of before it was due, by the listener’s own clock',
    broken({ decisions, deliveries }) {
      const decided = new Map(
        decisions.filter(isLanded).map((one) => [`${one.topic}:chaos:${one.id}:${one.cycle}`, one]),
      );
      return idsWhere(deliveries, ({ id, type, at }) => {
        const one = decided.get(id.slice(0, -type.length - 1));
        const lands = type === 'payment-request.expired' || type === 'chaos.beat';
        return lands && one !== undefined && at < Math.floor(one.dueAt) && one.decidedAt - at < WRONG_CLOCK_MS;
      });
    },
  },
  {
    invariant: 'I7',
    what: 'an event that nobody heard',
    broken({ events, deliveries }) {
      const heard = new Set(deliveries.map(({ id }) => id));
      return idsWhere(events, ({ id }) => !heard.has(id));
    },
  },
  {
    invariant: 'I7',
    what: 'heard of what never was',
    broken({ events, deliveries }) {
      const there = new Set(events.map(({ id }) => id));
      return idsWhere(deliveries, ({ id }) => !there.has(id));
    },
  },
  {
    invariant: 'I8',
    what: 'an event’s id is not made of its origin',
    broken: ({ events }) =>
      idsWhere(events, ({ id, topic, of, cycle, type }) => id !== `${topic}:chaos:${of}:${cycle}:${type}`),
  },
  {
    invariant: 'I9',
    what: 'a workflow still open when all was over',
    broken: ({ workflows }) => idsWhere(workflows, ({ open }) => open),
  },
  {
    invariant: 'I14',
    what: 'first heard out of its order',
    broken({ deliveries }) {
      const lastOf = new Map<string, number>();
      const heard = new Set<string>();
      return idsWhere(deliveries, ({ id, subject, position }) => {
        if (heard.has(id)) return false;
        heard.add(id);
        const before = lastOf.get(subject) ?? 0;
        lastOf.set(subject, position);
        return position < before;
      });
    },
  },
  {
    invariant: 'I20',
    what: `a run with more than ${MOST_EVENTS} events`,
    broken: ({ workflows }) => idsWhere(workflows, ({ events }) => events > MOST_EVENTS),
  },
];

const isLanded = ({ outcome }: Decided) => !isWithdrawn(outcome);
