import { nextDueAt } from '../repeat';
import type { Answer } from './claims';
import type { Claimed } from './decide-without-handler';

/**
 * The answer with the next cycle of a repeating message, as long as its series goes on. The handler comes first: its own
 * "again" stands, its "last" ends the series, and so does a failure, which somebody has to look at.
 */
export function withNextCycle(answer: Answer, { delivery: { message }, decidedAt }: Claimed): Answer {
  if (!message.repeat || answer.next || answer.last || answer.outcome === 'failed') return answer;
  const dueAt = nextDueAt(message.repeat, decidedAt);
  return dueAt === undefined ? answer : { ...answer, next: { cycle: message.cycle + 1, dueAt } };
}
