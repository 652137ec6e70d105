import type { z } from 'zod';
import { admit, type Refusal, refuseCycle, refuseDueAt, refuseLead, refuseRef } from './admission';
import type { OptionalFields, ScheduledMessage } from './contract';
import { epochMsOf, type InstantInput } from './due-time';
import { optionalFieldsOf, refuseOptionalFields } from './optional-fields';
import { type RepeatInput, refuseRepeat, repeatFrom } from './repeat';
import { refusePayload, refuseTopic, type Topic } from './topic';
import { topicFieldsOf } from './topic-limits';

/**
 * A message as a producer posts it. `dueAt`: epoch ms, `Date`, or RFC 3339 with offset. `cycle`: unless given, the one
 * after those that have fired.
 */
export interface Post<Schema extends z.ZodType> extends OptionalFields {
  topic: Pick<Topic<Schema>, 'name' | 'payload' | 'leadMs' | 'payloadVersion' | 'businessRows'>;
  tenant: string;
  key: string;
  dueAt: InstantInput;
  payload: z.input<Schema>;
  cycle?: number;
  /** Comes again after each cycle. `dueAt` is the first; the next ones are counted from it, or named by `cron`. */
  repeat?: RepeatInput;
}

/** What becomes of a message of the same name that waits already: the new post is refused, it stays, or it is moved. */
export const ON_CONFLICT = ['reject', 'keep', 'move'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

export interface ScheduleOptions {
  /** What becomes of a message of the same name that waits already. Default `reject`. */
  onConflict?: OnConflict;
  /** Give the same one to repeat a call whose answer was lost: both are then one command. Default: a new one. */
  commandId?: string;
}

/** The message that a post asks for, let in as a whole or not at all. Throws a `MessageError`. */
export function messageOf<Schema extends z.ZodType>(post: Post<Schema>): ScheduledMessage {
  admit(refuseTopic(post.topic));
  const { tenant, key, payload, cycle = 1, repeat } = post;
  const dueAt = epochMsOf(post.dueAt);
  const message: ScheduledMessage = {
    v: 1,
    topic: post.topic.name,
    tenant,
    key,
    cycle,
    dueAt,
    payload,
    ...topicFieldsOf(post.topic),
    ...optionalFieldsOf(post),
    repeat: repeat && repeatFrom(repeat, dueAt),
  };
  admit(
    refuseRef(message) ??
      refuseCycle(cycle) ??
      refuseDueAt(message.dueAt, Date.now()) ??
      refuseLead(message.leadMs) ??
      refusePayload(post.topic, payload) ??
      refuseOptionalFields(message) ??
      (message.repeat && refuseRepeat(message.repeat)) ??
      (post.topic.businessRows === undefined ? undefined : refuseWithRows(post)),
  );
  return message;
}

/** What a topic with rows cannot have: the row says which cycle waits for it, and is landed without its message if need be. */
function refuseWithRows({ cycle, repeat }: Pick<Post<z.ZodType>, 'cycle' | 'repeat'>): Refusal | undefined {
  if (repeat) {
    const message = 'is for topics without businessRows; a handler answers "again" instead';
    return { code: 'invalidRepeat', field: 'repeat', message };
  }
  if (cycle === undefined) {
    return { code: 'invalidCycle', field: 'cycle', message: 'must be the cycle that the row waits for' };
  }
  return undefined;
}
