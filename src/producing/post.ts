import type { Client } from '@temporalio/client';
import { nanoid } from 'nanoid';
import type { z } from 'zod';
import { admit, refuseDueAt, refuseLead, refuseNamedCycle, refuseRef } from '../message/admission';
import type { OptionalFields, ScheduledMessage } from '../message/contract';
import { withoutNulls } from '../message/decoding';
import { epochMsOf, type InstantInput } from '../message/due-time';
import { optionalFieldsOf, refuseOptionalFields } from '../message/optional-fields';
import type { Refusal } from '../message/refusal';
import { type RepeatInput, refuseRepeat, repeatFrom } from '../message/repeat';
import { refusePayload, refuseTopic, type Topic } from '../topics/topic';
import { topicFieldsOf } from '../topics/topic-limits';

/**
 * A message as a producer posts it. `dueAt`: epoch ms, `Date`, or RFC 3339 with offset. `cycle`: default is the one
 * after those that have fired.
 */
export interface Post<Schema extends z.ZodType> extends OptionalFields {
  topic: Pick<
    Topic<Schema>,
    'name' | 'payload' | 'leadMs' | 'payloadVersion' | 'businessRows' | 'bySets' | 'startDelayFromMs'
  >;
  tenant: string;
  key: string;
  dueAt: InstantInput;
  payload: z.input<Schema>;
  cycle?: number;
  /**
   * Makes the message come again after each cycle. `dueAt` is the first; the next ones are counted from it, or named by
   * `cron`.
   */
  repeat?: RepeatInput;
}

/** What becomes of a waiting message of the same name: the new post is refused, the message stays, or it is moved. */
export const ON_CONFLICT = ['reject', 'keep', 'move'] as const;
export type OnConflict = (typeof ON_CONFLICT)[number];

export interface ScheduleOptions {
  /** What becomes of a waiting message of the same name. Default `reject`. */
  onConflict?: OnConflict;
  /**
   * Give the same id to repeat a call after a lost answer: both calls are then one command. Another post with that id is
   * refused. Default: a new id.
   */
  commandId?: string;
}

/** The options with their defaults. Null counts as absent. */
export const scheduleOptionsOf = ({ onConflict, commandId }: ScheduleOptions): Required<ScheduleOptions> => ({
  onConflict: onConflict ?? 'reject',
  commandId: commandId ?? nanoid(),
});

/** A post that goes on with an earlier one, like a redrive. Its occurrence is counted from there. */
export interface GoesOn {
  occurrence?: number;
}

/** A client on the connection of the caller's own workers: the message's first task comes to them with the answer to its start. */
export interface Eagerly {
  starting?: Client;
}

/** A post without the optional fields that are null: programs without types write null for an absent one. */
export function presentFieldsOf<Schema extends z.ZodType>(post: Post<Schema>): Post<Schema> {
  const { payload, repeat, ...fields } = post;
  const rule = repeat && { repeat: typeof repeat === 'object' ? withoutNulls({ ...repeat }) : repeat };
  return { ...withoutNulls(fields), ...rule, payload } as Post<Schema>;
}

/** The message that a post asks for. Throws a `MessageError` if any part of it is refused. */
export function messageOf<Schema extends z.ZodType>(given: Post<Schema>): ScheduledMessage {
  admit(refuseTopic(given?.topic));
  const post = presentFieldsOf(given);
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
      refuseNamedCycle(cycle) ??
      refuseDueAt(message, Date.now()) ??
      refuseLead(message.leadMs) ??
      refusePayload(post.topic, payload) ??
      refuseOptionalFields(message) ??
      (message.repeat && refuseRepeat(message.repeat)) ??
      (post.topic.businessRows === undefined ? undefined : refuseWithRows(post)),
  );
  return message;
}

/**
 * Refuses what a topic with business rows cannot have. The row names the cycle that waits, and the sweep may land the
 * row without its message.
 */
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
