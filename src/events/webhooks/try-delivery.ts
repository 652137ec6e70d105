import type { Pool, PoolClient } from 'pg';
import { MessageError } from '../../message/admission';
import { inTransaction } from '../../platform/database/pool';
import type { PostdateEvent } from '../outbox';
import { readEvent } from '../read-event';
import { addressesOf, type Reach } from './addresses';
import type { ClaimedDelivery } from './claim-deliveries';
import { type Failure, putBackDelivery, recordDelivered, recordFailure, retryFailedNow } from './delivery-results';
import { disableWebhook } from './disable';
import { type ListenerResponse, postTo } from './post-to';
import { signedHeaders } from './signature';
import { withTimeout } from './with-timeout';

/** The result of a try. The metric has it as a label. */
export type TryResult =
  | 'delivered'
  | 'refused'
  | 'unreachable'
  | 'privateAddress'
  | 'gone'
  | 'unusableAnswer'
  | 'notKept'
  | 'noEvent'
  | 'stopped';

export interface TryDeps extends Reach {
  pool: Pool;
  worker: string;
  /** The certificate authorities to trust instead of the system's, as PEM. */
  ca?: string;
  /** The limit for a whole try, from resolving the name to the end of the response. */
  answerWithinMs: number;
  /**
   * Called with the JSON body of a 2xx response of a webhook that is registered to answer, in the transaction that records the delivery. If it throws, the try
   * has failed and the event is sent again.
   */
  onAnswer?(tx: PoolClient, event: PostdateEvent, body: unknown): Promise<void>;
  /** Aborted when this worker no longer waits for tries in flight. */
  stopping: AbortSignal;
}

/** Sends an event once and records the result. Throws if the result cannot be recorded. */
export async function tryDelivery(
  deps: TryDeps,
  delivery: ClaimedDelivery,
): Promise<{ result: TryResult; gaveUp: boolean }> {
  const { pool, worker, stopping } = deps;
  const { event } = delivery;
  const failed = async (result: TryResult, failure: Failure) => {
    const { ended } = await recordFailure(pool, worker, delivery, failure);
    return { result, gaveUp: ended };
  };
  if (event === null) return failed('notKept', { words: 'the event is no longer kept', final: true });
  const read = readEvent(event);
  if ('unreadable' in read) return failed('noEvent', { words: read.unreadable, final: true });
  let response: ListenerResponse;
  try {
    response = await withTimeout(deps.answerWithinMs, stopping, (signal) => send(deps, { ...delivery, event }, signal));
  } catch (error) {
    if (stopping.aborted) {
      await putBackDelivery(pool, worker, delivery, { words: 'its worker has stopped' });
      return { result: 'stopped', gaveUp: false };
    }
    if (error instanceof MessageError) return failed('privateAddress', { words: error.message });
    return failed('unreachable', { words: errorText(error) });
  }
  const { status, retryAfterMs, body } = response;
  const words = `answered ${status}`;
  if (status === 410) {
    // Disabled first: in the other order another worker could claim the delivery in between.
    await disableWebhook(pool, delivery.webhookId, 'its listener answered 410 Gone');
    await putBackDelivery(pool, worker, delivery, { status, words });
    return { result: 'gone', gaveUp: false };
  }
  if (status >= 300 && status < 400) {
    return failed('refused', { status, words: `${words}; redirects are not followed`, retryAfterMs });
  }
  if (status < 200 || status >= 300) return failed('refused', { status, words, retryAfterMs });
  try {
    await recordSuccess(deps, { ...delivery, event }, { status, body });
  } catch (error) {
    // The answer had no effect. If the database itself is away, recording this failure throws as well.
    return failed('unusableAnswer', { status, words: `${words}, and its answer: ${errorText(error)}` });
  }
  return { result: 'delivered', gaveUp: false };
}

async function send(
  deps: TryDeps,
  { eventId, url: text, secrets, event }: ClaimedDelivery,
  signal: AbortSignal,
): Promise<ListenerResponse> {
  const url = new URL(text);
  const addresses = await addressesOf(url, deps);
  const body = JSON.stringify(event);
  const headers = {
    ...signedHeaders({ eventId, body }, secrets, Date.now()),
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'accept-encoding': 'identity',
    'user-agent': 'postdate',
  };
  return postTo(url, { headers, body }, { addresses, ca: deps.ca, signal });
}

async function recordSuccess(
  { pool, worker, onAnswer }: TryDeps,
  delivery: ClaimedDelivery & { event: PostdateEvent },
  { status, body }: ListenerResponse,
): Promise<void> {
  const { failingSince } =
    onAnswer && delivery.mayAnswer && body !== undefined
      ? await inTransaction(pool, async (tx) => {
          const recorded = await recordDelivered(tx, worker, delivery, status);
          if (recorded.mine) await onAnswer(tx, delivery.event, body);
          return recorded;
        })
      : await recordDelivered(pool, worker, delivery, status);
  if (failingSince) await retryFailedNow(pool, delivery.webhookId, failingSince);
}

/**
 * The error's message. Node leaves it empty for a connection that several addresses refused; the first of them then
 * explains it.
 */
function errorText(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: unknown[] };
  return message || (errors?.[0] ? errorText(errors[0]) : (code ?? String(error)));
}
