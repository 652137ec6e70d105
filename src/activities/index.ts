import type { Pool } from 'pg';
import type { InLane, LedgerActivities, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import { leadMsOf } from '../topics/topic-limits';
import { createDeliver } from './deliver';
import { createWithdraw } from './withdraw';

/** The activities of one topic, on the database in which its ledger and its business rows commit together. */
export function createActivities(deps: { pool: Pool } & Parameters<typeof createDeliver>[0]): LedgerActivities {
  const leadMs = leadMsOf(deps.topic);
  // The next cycle wakes with the topic's present lead. The message may carry the lead of years ago.
  const withPresentLead = <Answer extends Decision | InLane>(answer: Answer): Answer =>
    'next' in answer && answer.next ? { ...answer, next: { ...answer.next, leadMs } } : answer;
  // With business rows, a decision belongs to whichever post has that cycle, so post ids are ignored: the sweep lands a
  // row without knowing its post.
  const matchingAnyPost = <Input extends { message: ScheduledMessage }>(input: Input): Input =>
    deps.topic.businessRows === undefined ? input : { ...input, message: { ...input.message, postId: undefined } };
  const deliver = createDeliver(deps);
  const { cancel, move } = createWithdraw(deps);
  return {
    deliver: async (input) => withPresentLead(await deliver(matchingAnyPost(input))),
    cancel: async (input) => withPresentLead(await cancel(matchingAnyPost(input))),
    move: async (input) => withPresentLead(await move(matchingAnyPost(input))),
  };
}
