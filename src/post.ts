import type { z } from 'zod';
import { admit, refuseCycle, refuseDueAt, refuseLead, refuseRef } from './admission';
import type { ScheduledMessage } from './contract';
import { epochMsOf, type InstantInput } from './due-time';
import { refusePayload, refuseTopic, type Topic } from './topic';
import { DEFAULT_LEAD_MS } from './wake';

/** A message as a producer posts it. `dueAt`: epoch ms, `Date`, or RFC 3339 with offset. `cycle`: 1 unless given. */
export interface Post<Schema extends z.ZodType> {
  topic: Pick<Topic<Schema>, 'name' | 'payload' | 'leadMs'>;
  tenant: string;
  key: string;
  dueAt: InstantInput;
  payload: z.input<Schema>;
  cycle?: number;
}

/** The message that a post asks for, let in as a whole or not at all. Throws a `MessageError`. */
export function messageOf<Schema extends z.ZodType>(post: Post<Schema>): ScheduledMessage {
  admit(refuseTopic(post.topic));
  const { tenant, key, payload, cycle = 1 } = post;
  const message: ScheduledMessage = {
    v: 1,
    topic: post.topic.name,
    tenant,
    key,
    cycle,
    dueAt: epochMsOf(post.dueAt),
    leadMs: post.topic.leadMs ?? DEFAULT_LEAD_MS,
    payload,
  };
  admit(
    refuseRef(message) ??
      refuseCycle(cycle) ??
      refuseDueAt(message.dueAt, Date.now()) ??
      refuseLead(message.leadMs) ??
      refusePayload(post.topic, payload),
  );
  return message;
}
