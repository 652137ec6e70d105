import { z } from 'zod';
import { FORWARD_ANSWERS, MAX_REASON } from '../events/answers/answer';
import { MISSED } from '../message/contract';
import { OUTCOMES } from '../message/decision';
import { optionalFields } from '../message/optional-fields';
import { MESSAGE_STATES } from '../producing/message-status';
import { ON_CONFLICT } from '../producing/post';
import { MAX_BATCH_MESSAGES, MAX_LISTED } from './limits';
import { cycle, instant, named, part } from './shapes';

// The schemas of the messages' operations, and of the problem that any operation may answer. The checks, the types and
// docs/openapi.json are made from them. The client refuses what no schema can say: a horizon, a series, a payload.

const repeat = z.strictObject({
  every: z.string().max(100).optional().describe('ISO 8601 duration; one of every and cron'),
  cron: z.string().max(200).optional(),
  zone: z.string().max(100).optional().describe('IANA time zone; default UTC'),
  until: instant.optional(),
  maxCycles: z.int().min(1).optional(),
  missed: z.enum(MISSED).optional(),
});

export const messageRef = z.strictObject({ topic: part, tenant: part, key: part });

export const post = messageRef
  .extend({
    dueAt: instant,
    payload: z.unknown().describe('of the shape that the topic declares, 16 KB at most'),
    cycle: cycle.optional().describe('default: the one after those that have fired'),
    repeat: repeat.optional(),
    ...optionalFields,
    onConflict: z.enum(ON_CONFLICT).optional().describe('when one of its name waits; default reject'),
  })
  .register(named, { id: 'Post' });

export const move = z
  .strictObject({
    dueAt: instant,
    expectedCycle: cycle.optional().describe('moves this cycle only; stale when another one waits'),
  })
  .register(named, { id: 'Move' });

export const cancelQuery = z.strictObject({
  reason: z
    .string()
    .max(200)
    .regex(/^\P{Control}+$/u)
    .optional(),
});

export const batch = z
  .strictObject({
    // Each message is checked by itself, so that a bad one delays no other.
    messages: z
      .array(z.unknown().meta({ $ref: '#/components/schemas/Post' }))
      .min(1)
      .max(MAX_BATCH_MESSAGES),
  })
  .register(named, { id: 'Batch' });

export const answer = z
  .strictObject({
    cycle: cycle.describe("the forwarded one, from the event's data"),
    do: z.enum(FORWARD_ANSWERS),
    dueAt: instant.optional().describe('of again: when it is due in its next cycle'),
    // recordAnswer checks it, together with the whole answer.
    reason: z
      .unknown()
      .optional()
      .meta({ type: 'string', minLength: 1, maxLength: MAX_REASON, description: 'of failed' }),
  })
  .register(named, { id: 'Answer' });

export const selection = z.strictObject({
  topic: part.optional(),
  tenant: part.optional().describe("default: the API key's"),
  dueFrom: instant.optional().describe('included'),
  dueTo: instant.optional().describe('left out'),
  state: z.enum(MESSAGE_STATES).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LISTED).default(50),
  cursor: z.string().max(4_096).optional().describe('nextCursor of the page before, of the same selection'),
});

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
