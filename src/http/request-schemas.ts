import { z } from 'zod';
import { FORWARD_ANSWERS, MAX_REASON } from '../events/answers/answer';
import { MISSED } from '../message/contract';
import { optionalFields } from '../message/optional-fields';
import { MESSAGE_STATES } from '../producing/message-status';
import { ON_CONFLICT } from '../producing/post';
import { MAX_BATCH_MESSAGES, MAX_LISTED } from './limits';
import { cycle, instant, named, namedCycle, part } from './shapes';

// The schemas of the requests of the messages' operations. The checks, the types and docs/openapi.json are made from
// them. The client refuses what no schema can say: a horizon, a series, a payload.

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
    cycle: namedCycle.optional().describe('default: the one after those that have fired'),
    repeat: repeat.optional(),
    ...optionalFields,
    onConflict: z.enum(ON_CONFLICT).optional().describe('when one of its name waits; default reject'),
  })
  .register(named, { id: 'Post' });

export const move = z
  .strictObject({
    dueAt: instant,
    expectedCycle: cycle.optional().describe('moves this cycle only; stale when another one waits'),
    dueBefore2000: optionalFields.dueBefore2000,
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
