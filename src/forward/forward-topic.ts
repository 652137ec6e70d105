import { z } from 'zod';
import { refuseUnstorable } from '../dispatch/in-transaction';
import { rfc3339 } from '../due-time';
import { type DueMessage, defineTopic, done, type GroupTransaction, type HandlerAnswer, type Topic } from '../topic';
import { expectAnswers } from './unanswered';

/** A topic without a handler. `answerWithinMs`: unanswered for longer, a forwarded message is listed and counted. */
export interface ForwardDeclaration<Payload>
  extends Pick<Topic, 'name' | 'leadMs' | 'landingsPerSecond' | 'staleAfterMs' | 'payloadVersion' | 'upcasts'> {
  /** Default: any JSON. What it lets in it must leave as it is, because the same payload is posted again. */
  payload?: z.ZodType<Payload, Payload>;
  answerWithinMs?: number;
}

/** What the event `<topic>.due` says: the message itself, with all that its answer has to name. */
export interface ForwardedData extends Record<string, unknown> {
  topic: string;
  tenant: string;
  key: string;
  cycle: number;
  /** RFC 3339. */
  dueAt: string;
  payload: unknown;
  /** Which form of the topic's payload it is. Absent: the first. */
  payloadVersion?: number;
  staleAfterMs?: number;
}

export const dueEventOf = (topic: string): string => `${topic}.due`;

/**
 * Declares a topic whose due messages are put on the stream, as events `<topic>.due`, and are then delivered. Who is
 * given one answers with `recordAnswer`, over HTTP, in SQL or on the command line. Throws a `MessageError`.
 */
export function forwardTopic<Payload = unknown>(
  declared: ForwardDeclaration<Payload>,
): Topic<z.ZodType<Payload, Payload>> {
  const { payload = z.unknown() as unknown as z.ZodType<Payload, Payload>, answerWithinMs, ...limits } = declared;
  const { name, payloadVersion } = declared;

  async function forwardAll(tx: GroupTransaction, messages: DueMessage<Payload>[]): Promise<HandlerAnswer[]> {
    const type = dueEventOf(name);
    await tx.emit(messages.map((message) => ({ message, type, data: dataOf(message, payloadVersion) })));
    if (answerWithinMs !== undefined) await expectAnswers(tx, messages, answerWithinMs);
    return messages.map(() => done);
  }

  return defineTopic({
    ...limits,
    // Refused where it is posted: in the landing, the stream's table could never take it.
    payload: payload.refine(isStorable, 'must have no NUL and no lone surrogate in its texts'),
    forward: { answerWithinMs },
    landAll: forwardAll,
    async handle({ query, emit }, message) {
      const emitAll: GroupTransaction['emit'] = async (events) => {
        for (const { type, data } of events) await emit(type, data);
      };
      const [answer] = await forwardAll({ query, emit: emitAll }, [message]);
      return answer as HandlerAnswer;
    },
  });
}

function dataOf(message: DueMessage<unknown>, payloadVersion: number | undefined): ForwardedData {
  const { topic, tenant, key, cycle, dueAt, payload = null, staleAfterMs } = message;
  return { topic, tenant, key, cycle, dueAt: rfc3339(dueAt), payload, payloadVersion, staleAfterMs };
}

function isStorable(payload: unknown): boolean {
  try {
    return refuseUnstorable(JSON.stringify(payload) ?? 'null') === undefined;
  } catch {
    // What is no JSON at all is refused by its own words.
    return true;
  }
}
