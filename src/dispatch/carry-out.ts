import type { Client } from '@temporalio/client';
import { MessageError, type Refusal } from '../admission';
import { cancel, move, type ScheduleAnswer, schedule } from '../client';
import type { CancelAnswer, MoveAnswer } from '../commands';
import type { MessageRef } from '../contract';
import { rfc3339 } from '../due-time';
import { describe } from '../lookup';
import { upcast } from '../payload-version';
import type { Post, ScheduleOptions } from '../post';
import type { NotFound, Requested } from '../send';
import type { Topic } from '../topic';
import type { WaitingCommand } from './waiting-commands';

/** Nobody else could: the topic's payload and its series are known to its workers alone. */
export type Refused = { result: 'refused' } & Refusal;
/** The run of the cycle before has not ended, though it is decided: to be tried again in a moment. */
export interface NotYet {
  result: 'notYet';
}
export type DispatchAnswer = ScheduleAnswer | CancelAnswer | MoveAnswer | Requested | NotFound | Refused | NotYet;

type ScheduleBody = Omit<Post<Topic['payload']>, 'topic' | 'tenant' | 'key'> &
  Pick<ScheduleOptions, 'onConflict'> & {
    /** When the cycle was due that this one follows; of what an answer has posted. Epoch ms. */
    followsDueAt?: number;
  };
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
        const { onConflict, followsDueAt, ...post } = command.body as ScheduleBody;
        if (followsDueAt !== undefined && (await isOpen(client, ref, followsDueAt))) return { result: 'notYet' };
        // In the form in which the topic was when it was posted; this worker may be of a later release.
        const payload = upcast(topic, post);
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

/**
 * Whether the message's run is still the one of the cycle that was due then. It ends as soon as it is told of its landing,
 * and posted before that, the next cycle would count as one of a name that waits. Another due time is another post's.
 */
async function isOpen(client: Client, ref: MessageRef, dueAt: number): Promise<boolean> {
  const known = await describe(client, ref);
  return known?.state === 'waiting' && (known.dueAt === undefined || known.dueAt === rfc3339(dueAt));
}
