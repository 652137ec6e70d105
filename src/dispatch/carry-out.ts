import type { Client } from '@temporalio/client';
import { MessageError, type Refusal } from '../admission';
import { cancel, move, type ScheduleAnswer, type ScheduleOptions, schedule } from '../client';
import type { CancelAnswer, MoveAnswer } from '../commands';
import type { ScheduledMessage } from '../contract';
import { upcast } from '../payload-version';
import type { Post } from '../post';
import type { NotFound, Requested } from '../send';
import type { Topic } from '../topic';
import type { WaitingCommand } from './waiting-commands';

/** Nobody else could: the topic's payload and its series are known to its workers alone. */
export type Refused = { result: 'refused' } & Refusal;
export type DispatchAnswer = ScheduleAnswer | CancelAnswer | MoveAnswer | Requested | NotFound | Refused;

type ScheduleBody = Omit<Post<Topic['payload']>, 'topic' | 'tenant' | 'key'> &
  Pick<ScheduleOptions, 'onConflict'> & { payloadVersion: number };
type MoveBody = { dueAt: number; cycle?: number; expectedCycle?: number };

/**
 * Has Temporal do what a command wants, by the command's own id, so that carried out again it is the same command. Throws
 * when it is to be tried again.
 */
export async function carryOut(client: Client, topic: Topic, command: WaitingCommand): Promise<DispatchAnswer> {
  const { what, commandId, tenant, key } = command;
  const ref = { topic: topic.name, tenant, key };
  try {
    switch (what) {
      case 'schedule': {
        const { onConflict, payloadVersion, ...post } = command.body as ScheduleBody;
        // In the form in which the topic was when it was posted; this worker may be of a later release.
        const payload = upcast(topic, { ...post, payloadVersion } as unknown as ScheduledMessage);
        return await schedule(client, { ...post, topic, tenant, key, payload }, { onConflict, commandId });
      }
      case 'cancel':
        return await cancel(client, ref, { ...(command.body as { reason?: string }), commandId });
      case 'move':
        return await move(client, ref, { ...(command.body as MoveBody), commandId });
    }
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    const { code, field, message } = error;
    return { result: 'refused', code, field, message };
  }
}
