import { TemporalFailure } from '@temporalio/common';
import type { Pool } from 'pg';
import type { InLane, LedgerActivities, ScheduledMessage } from '../message/contract';
import type { Decision } from '../message/decision';
import { isInstance, readThrown } from '../platform/telemetry/thrown';
import { withPresentLead } from '../producing/present-lead';
import { createDeliver } from './deliver';
import { readCommand, readDelivery } from './read-input';
import { createWithdraw } from './withdraw';

/** The activities of one topic, on the database in which its ledger and its business rows commit together. */
export function createActivities(deps: { pool: Pool } & Parameters<typeof createDeliver>[0]): LedgerActivities {
  // With business rows, a decision belongs to whichever post has that cycle, so post ids are ignored: the sweep lands a
  // row without knowing its post.
  const matchingAnyPost = <Input extends { message: ScheduledMessage }>(input: Input): Input =>
    deps.topic.businessRows === undefined ? input : { ...input, message: { ...input.message, postId: undefined } };
  const forTopic =
    <Input extends { message: ScheduledMessage }, Answer extends Decision | InLane>(
      activity: (input: Input) => Promise<Answer>,
      read: (input: unknown) => Input,
    ) =>
    async (input: unknown): Promise<Answer> => {
      const given = read(input);
      return withPresentLead(deps.topic, await activity(matchingAnyPost(given)).catch(failPlainly), given.message);
    };
  const { cancel, move } = createWithdraw(deps);
  const { name } = deps.topic;
  return {
    deliver: forTopic(createDeliver(deps), (input) => readDelivery(name, input)),
    cancel: forTopic(cancel, (input) => readCommand(name, input, { isMove: false })),
    move: forTopic(move, (input) => readCommand(name, input, { isMove: true })),
  };
}

/** Only failures of ours and of the SDK say how they are retried. Any other error is plain, so that the SDK can convert it. */
function failPlainly(error: unknown): never {
  throw isInstance(error, TemporalFailure) ? error : readThrown(error);
}
