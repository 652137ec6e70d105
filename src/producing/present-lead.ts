import type { InLane, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import type { Topic } from '../topics/topic';
import { leadMsOf } from '../topics/topic-limits';
import { type BurstCounter, createBurstCounter } from './bursts';

// Of each topic: its next cycles are counted together, whichever part of the worker decides them.
const counters = new WeakMap<Topic, BurstCounter>();

/**
 * The answer for a message's workflow. Its next cycle wakes with the topic's present lead, or is fetched as the topic now says: the
 * message may carry the lead of years ago.
 */
export function withPresentLead<Answer extends Decision | InLane>(
  topic: Topic,
  answer: Answer,
  message: ScheduledMessage,
): Answer {
  if (!('next' in answer) || !answer.next) return answer;
  const counter = counters.get(topic) ?? createBurstCounter();
  counters.set(topic, counter);
  const next = { ...answer.next, leadMs: leadMsOf(topic) };
  const { inBurst = false, bySets = false } = counter.fetchedAs(topic, { ...message, ...next });
  // The message hands on what it has: only a change is told.
  const told = {
    ...(inBurst !== (message.inBurst ?? false) && { inBurst }),
    ...(bySets !== (message.bySets ?? false) && { bySets }),
  };
  return { ...answer, next: { ...next, ...told } };
}
