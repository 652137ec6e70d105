import type { z } from 'zod';
import { MessageError, refuseRef } from '../message/admission';
import type { Topic } from './topic';
import { checkLimits } from './topic-limits';

/** Declares a topic. Throws a `MessageError` if its name cannot be part of a workflow id, or a limit is unusable. */
export function defineTopic<Schema extends z.ZodType>(topic: Topic<Schema>): Topic<Schema> {
  const refusal = refuseRef({ topic: topic.name, tenant: 'any', key: 'any' });
  if (refusal) throw new MessageError(refusal);
  checkLimits(topic);
  return topic;
}
