import type { Queryable } from '../database';
import { originOf, type PostdateEvent } from '../outbox';
import { type ForwardAnswer, recordAnswer } from './answer';
import { dueEventOf } from './forward-topic';

/**
 * Takes what a webhook's listener responds to a forwarded message as its answer, in the transaction that records the
 * delivery. A response without `do`, and one to any other event, is none. Throws a `MessageError` for an answer that
 * cannot be taken: the try has failed then, with that as its reason.
 */
export async function recordWebhookResponse(tx: Queryable, event: PostdateEvent, body: unknown): Promise<void> {
  const origin = originOf(event);
  if (event.type !== dueEventOf(origin.topic) || !isAnswer(body)) return;
  await recordAnswer(tx, origin, body);
}

// Whether its parts are right is for the answer's own checks to say, with their words.
const isAnswer = (body: unknown): body is ForwardAnswer => typeof body === 'object' && body !== null && 'do' in body;
