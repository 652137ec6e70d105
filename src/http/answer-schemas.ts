import { z } from 'zod';
import { FORWARD_ANSWERS } from '../events/answers/answer';
import { OUTCOMES } from '../message/decision';
import { MESSAGE_STATES } from '../producing/message-status';
import { messageRef } from './request-schemas';
import { cycle, instant, named } from './shapes';

// The schemas of what the messages' operations answer, and of the problem that any operation may answer. The types and
// docs/openapi.json are made from them.

export const scheduled = z
  .strictObject({ result: z.literal('scheduled'), workflowId: z.string(), late: z.boolean() })
  .register(named, { id: 'Scheduled' });
export const kept = z
  .strictObject({ result: z.literal('kept'), workflowId: z.string() })
  .register(named, { id: 'Kept' });
export const moved = z
  .strictObject({ result: z.literal('moved'), dueAt: instant, cycle })
  .register(named, { id: 'Moved' });
export const cancelled = z.strictObject({ result: z.literal('cancelled') }).register(named, { id: 'Cancelled' });
export const requested = z
  .strictObject({ result: z.literal('requested'), commandId: z.string() })
  .describe('no worker was there to decide; it is decided when one is back')
  .register(named, { id: 'Requested' });

export const answered = z
  .strictObject({
    result: z.enum(['answered', 'answeredBefore']),
    do: z.enum(FORWARD_ANSWERS),
    answeredAt: instant,
    next: z.strictObject({ cycle, dueAt: instant }).optional().describe('of again'),
    reason: z.string().optional().describe('of failed'),
  })
  .describe('the first answer to this cycle, which stands: this one, or one before')
  .register(named, { id: 'Answered' });

const ending = z.strictObject({
  outcome: z.enum(OUTCOMES),
  cycle,
  decidedAt: instant,
  reason: z.string().optional(),
  commandId: z.string().optional(),
});

export const message = messageRef
  .extend({
    workflowId: z.string(),
    runId: z.string(),
    state: z.enum(MESSAGE_STATES),
    dueAt: instant.optional(),
    cycle: cycle.optional(),
    scheduledBy: z.string().optional().describe('the id of the command that posted it'),
    unreadable: z.string().optional().describe('what Temporal has of it that cannot be read, and why'),
    ending: ending.optional(),
  })
  .register(named, { id: 'Message' });
export const messagePage = z
  .strictObject({
    messages: z.array(message),
    nextCursor: z.string().optional().describe('absent after the last page'),
  })
  .register(named, { id: 'MessagePage' });

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    field: z.string().optional(),
  })
  .describe('RFC 9457; the code is stable, and so are the fields of each code')
  .register(named, { id: 'Problem' });

export const batchAnswer = z
  .strictObject({
    answers: z
      .array(z.strictObject({ status: z.int(), body: z.union([scheduled, kept, moved, requested, problem]) }))
      .describe('one for each message, in their order: what it would have been answered by itself'),
  })
  .register(named, { id: 'BatchAnswer' });
