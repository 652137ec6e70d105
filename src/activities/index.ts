import type { Pool } from 'pg';
import type { InLane, LedgerActivities, ScheduledMessage } from '../contract';
import type { Decision } from '../decision';
import { leadMsOf } from '../topic-limits';
import { createDeliver } from './deliver';
import { createWithdraw } from './withdraw';

/** The activities of one topic, on the database where its ledger and its business rows commit together. */
export function createActivities(deps: { pool: Pool } & Parameters<typeof createDeliver>[0]): LedgerActivities {
  const leadMs = leadMsOf(deps.topic);
  // The next cycle wakes with the lead that the topic has now, not with the one of years ago.
  const withLead = <Answer extends Decision | InLane>(answer: Answer): Answer =>
    'next' in answer && answer.next ? { ...answer, next: { ...answer.next, leadMs } } : answer;
  // Where rows say which cycle waits, the cycle alone says whose a decision is: the sweep lands it for any post.
  const ofAnyPost = <Input extends { message: ScheduledMessage }>(input: Input): Input =>
    deps.topic.businessRows === undefined ? input : { ...input, message: { ...input.message, postId: undefined } };
  const deliver = createDeliver(deps);
  const { cancel, move } = createWithdraw(deps);
  return {
    deliver: async (input) => withLead(await deliver(ofAnyPost(input))),
    cancel: async (input) => withLead(await cancel(ofAnyPost(input))),
    move: async (input) => withLead(await move(ofAnyPost(input))),
  };
}
