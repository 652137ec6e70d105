import type { Queryable } from '../../platform/database/pool';
import { dueEventOf } from '../../topics/forward-topic';
import { originOf, type PostdateEvent } from '../outbox';
import { type ForwardAnswer, recordAnswer } from './answer';

/**
 * Takes a webhook listener's response to a forwarded message as its answer, in the transaction that records the
 * delivery. A response without `do`, or to any other event, is no answer. Throws a `MessageError` for an answer that
 * cannot be taken; the try then fails for that reason.
 */
export async function recordWebhookResponse(tx: Queryable, event: PostdateEvent, body: unknown): Promise<void> {
  const origin = originOf(event);
  if (event.type !== dueEventOf(origin.topic) || !isAnswer(body)) return;
  await recordAnswer(tx, origin, body);
}

// The answer's own check judges its fields, and explains what is wrong.
const isAnswer = (body: unknown): body is ForwardAnswer => typeof body === 'object' && body !== null && 'do' in body;
