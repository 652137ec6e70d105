import { percentilesOf } from '../../bench/harness/lateness';
import { isWithdrawn } from '../../src/message/decision';
import type { Evidence } from './evidence';

const countBy = <Item>(items: Item[], nameOf: (item: Item) => string): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1;
  return counts;
};

// Decided while the clock was ahead: how late the message was is not known.
const WRONG_CLOCK_MS = 3_600_000;

/** What a run was about, in numbers. */
export function figuresOf({ requests, decisions, events, deliveries, diary, workflows, notifications }: Evidence) {
  const landed = decisions.filter((one) => !isWithdrawn(one.outcome) && !one.late);
  const byTheClock = landed.filter(({ decidedAt, dueAt }) => decidedAt - dueAt < WRONG_CLOCK_MS);
  const latenessMs = (cycles: typeof byTheClock) => {
    const topics = [...new Set(cycles.map(({ topic }) => topic))];
    const of = (topic: string) => cycles.filter((one) => one.topic === topic);
    return Object.fromEntries(
      topics.map((topic) => [topic, percentilesOf(of(topic).map(({ decidedAt, dueAt }) => decidedAt - dueAt))]),
    );
  };
  const heard = new Set(deliveries.map(({ id }) => id)).size;
  return {
    messages: new Set(decisions.map(({ topic, id }) => `${topic} ${id}`)).size,
    requests: countBy(requests, ({ status }) => status),
    decisions: countBy(decisions, ({ topic, outcome }) => `${topic} ${outcome}`),
    answers: countBy(
      diary.filter(({ phase }) => phase === 'ok'),
      ({ op, answer }) => `${op} ${answer?.result}`,
    ),
    unknownAnswers: diary.filter(({ phase }) => phase === 'info').length,
    events: events.length,
    deliveries: deliveries.length,
    duplicateDeliveries: deliveries.length - heard,
    notifications: notifications.length,
    landedByAWrongClock: landed.length - byTheClock.length,
    mostEventsOfARun: Math.max(0, ...workflows.map(({ events: length }) => length)),
    latenessMs: latenessMs(byTheClock),
    // Of a series, where a timer was lost; what is late in its later cycles is so for having begun late.
    firstLatenessMs: latenessMs(byTheClock.filter(({ cycle }) => cycle === 1)),
  };
}
