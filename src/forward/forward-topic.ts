import { z } from 'zod';
import { refuseUnstorable } from '../admission';
import { defineTopic } from '../define-topic';
import { rfc3339 } from '../due-time';
import { cycle, defineEvent, instant, part } from '../event-types';
import { optionalFields, optionalFieldsOf } from '../optional-fields';
import { type DueMessage, done, type GroupTransaction, type HandlerAnswer, type Topic } from '../topic';
import { expectAnswers } from './unanswered';

/** A topic without a handler. `answerWithinMs`: unanswered for longer, a forwarded message is listed and counted. */
export interface ForwardDeclaration<Payload>
  extends Pick<Topic, 'name' | 'leadMs' | 'landingsPerSecond' | 'staleAfterMs' | 'payloadVersion' | 'upcasts'> {
  /** Default: any JSON. What it lets in it must leave as it is, because the same payload is posted again. */
  payload?: z.ZodType<Payload, Payload>;
  answerWithinMs?: number;
}

/** What the event `<topic>.due` says: the message itself, with all that its answer has to name. */
export const forwardedData = z
  .object({
    topic: part,
    tenant: part,
    key: part,
    cycle,
    dueAt: instant.describe('when it was due'),
    payload: z.unknown().describe('of the shape that the topic declares'),
    payloadVersion: z.int().min(1).optional().describe('which form of the payload it is; absent: the first'),
    ...optionalFields,
  })
  .meta({ id: 'DueMessage' });

export const dueEventOf = (topic: string): string => `${topic}.due`;

const dueEvent = (topic: string, payload: z.ZodType) =>
  defineEvent({
    type: dueEventOf(topic),
    summary: `A message of ${topic}, which has no handler, is due: whoever listens answers it`,
    data: forwardedData.extend({ payload }),
  });

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
    // Whoever posts by us has been refused before; what was started past us fails here, as the stream's table could never take it.
    payload: payload.refine(isStorable, 'must have no NUL and no lone surrogate in its texts'),
    forward: { answerWithinMs },
    events: [dueEvent(name, payload)],
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

function dataOf(message: DueMessage<unknown>, payloadVersion: number | undefined): z.output<typeof forwardedData> {
  const { topic, tenant, key, dueAt, payload = null } = message;
  const { cycle } = message;
  return { topic, tenant, key, cycle, dueAt: rfc3339(dueAt), payload, payloadVersion, ...optionalFieldsOf(message) };
}

function isStorable(payload: unknown): boolean {
  try {
    return refuseUnstorable(JSON.stringify(payload) ?? 'null') === undefined;
  } catch {
    // What is no JSON at all is refused by its own words.
    return true;
  }
}
