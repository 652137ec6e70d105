import { endsAsAsked, nextDueAt } from '../../message/repeat';
import type { Answer, Claimed } from './claims';

/**
 * The answer, with the next cycle of a repeating message while its series goes on. The handler comes first: its own "again"
 * stands, and its "last" ends the series. A failure ends the series, too: an operator has to look at it.
 */
export function withNextCycle(answer: Answer, { delivery: { message }, claimedAt }: Claimed): Answer {
  const { repeat, cycle } = message;
  if (!repeat || answer.next || answer.last || answer.outcome === 'failed') return answer;
  const dueAt = nextDueAt(repeat, claimedAt);
  if (dueAt !== undefined) return { ...answer, next: { cycle: cycle + 1, dueAt } };
  return endsAsAsked(repeat, claimedAt) ? answer : { ...answer, seriesEnded: true };
}
