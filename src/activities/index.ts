import { TemporalFailure } from '@temporalio/common';
import type { Pool } from 'pg';
import type { InLane, LedgerActivities, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import { isInstance, readThrown } from '../platform/telemetry/thrown';
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
  const forTopic =
    <Input extends { message: ScheduledMessage }, Answer extends Decision | InLane>(
      activity: (input: Input) => Promise<Answer>,
    ) =>
    async (input: Input): Promise<Answer> =>
      withPresentLead(await activity(matchingAnyPost(input)).catch(failPlainly));
  const { cancel, move } = createWithdraw(deps);
  return { deliver: forTopic(createDeliver(deps)), cancel: forTopic(cancel), move: forTopic(move) };
}

/** Only failures of ours and of the SDK say how they are retried. Any other error is plain, so that the SDK can convert it. */
function failPlainly(error: unknown): never {
  throw isInstance(error, TemporalFailure) ? error : readThrown(error);
}
