import type { Client } from '@temporalio/client';
import { askingForYearOf, MessageError } from '../../message/admission';
import type { CancelAnswer, MoveAnswer } from '../../message/commands';
import type { MessageRef, ScheduledMessage } from '../../message/contract';
import { rfc3339 } from '../../message/due-time';
import { occurrenceOf } from '../../message/occurrence';
import type { Refusal } from '../../message/refusal';
import { isInstance } from '../../platform/telemetry/thrown';
import { upcast } from '../../topics/payload-version';
import type { Topic } from '../../topics/topic';
import { cancel, move } from '../cancel-and-move';
import { describe } from '../describe';
import type { Eagerly, Post, ScheduleOptions } from '../post';
import { type ScheduleAnswer, schedule } from '../schedule';
import type { NotFound, Requested } from '../send';
import type { QueuedCommand } from './command-queue';

/**
 * The dispatcher refuses the command. Only a worker could: the topic's payload and its series are known to workers
 * alone.
 */
export type Refused = { result: 'refused' } & Refusal;
/** The previous cycle is decided, but its run has not ended. The command is tried again in a moment. */
export interface NotYet {
  result: 'notYet';
}
export type DispatchAnswer = ScheduleAnswer | CancelAnswer | MoveAnswer | Requested | NotFound | Refused | NotYet;

type ScheduleBody = Omit<Post<Topic['payload']>, 'topic' | 'tenant' | 'key'> &
  Pick<ScheduleOptions, 'onConflict'> &
  Pick<ScheduledMessage, 'uncountedCycles'> & {
    /** When the previous cycle was due, in epoch ms. Only commands that an answer ("again") has posted have it. */
    followsDueAt?: number;
  };
type MoveBody = { dueAt: number; cycle?: number; expectedCycle?: number };

/**
 * Executes a command in Temporal under the command's own id, so that a second execution is the same command. Throws if
 * the command must be tried again.
 */
export async function executeCommand(
  client: Client,
  topic: Topic,
  command: QueuedCommand,
  { starting }: Eagerly = {},
): Promise<DispatchAnswer> {
  const { what, commandId, tenant, key } = command;
  const ref = { topic: topic.name, tenant, key };
  try {
    switch (what) {
      case 'schedule': {
        const { onConflict, followsDueAt, uncountedCycles, ...post } = command.body as ScheduleBody;
        if (followsDueAt !== undefined && (await isCycleOpen(client, ref, followsDueAt))) return { result: 'notYet' };
        // Its year was checked when it was posted, and its payload has the version that the topic had then. This worker may
        // be of a later release.
        const payload = upcast(topic, post);
        const year = askingForYearOf(post.dueAt as number);
        const occurrence =
          followsDueAt === undefined ? undefined : occurrenceOf({ cycle: post.cycle as number, uncountedCycles });
        const whole = { ...post, ...year, topic, tenant, key, payload };
        return await schedule(client, whole, { onConflict, commandId, occurrence, starting });
      }
      case 'cancel':
        return await cancel(client, ref, { ...(command.body as { reason?: string }), commandId });
      case 'move': {
        const body = command.body as MoveBody;
        return await move(client, ref, { ...body, ...askingForYearOf(body.dueAt), commandId });
      }
    }
  } catch (error) {
    if (!isInstance(error, MessageError)) throw error;
    const { code, field, message } = error;
    return { result: 'refused', code, field, message };
  }
}

/**
 * Whether the run of the cycle that was due at `dueAt` is still open. The run ends as soon as it gets its result. If
 * the next cycle were posted before, it would count as a conflict. A run with another due time belongs to another post.
 */
async function isCycleOpen(client: Client, ref: MessageRef, dueAt: number): Promise<boolean> {
  const known = await describe(client, ref);
  return known?.state === 'waiting' && (known.dueAt === undefined || known.dueAt === rfc3339(dueAt));
}
