import { z } from 'zod';
import { rfc3339 } from '../message/due-time';
import { optionalFields, optionalFieldsOf } from '../message/optional-fields';
import { refusePayloadSize } from '../message/size';
import { defineTopic } from './define-topic';
import { cycle, defineEvent, instant, part } from './event-types';
import { expectAnswers } from './expect-answers';
import { type DueMessage, done, type GroupTransaction, type HandlerAnswer, type Topic } from './topic';

/**
 * The declaration of a topic without a handler. A forwarded message without an answer after `answerWithinMs` is listed
 * and counted as unanswered.
 */
export interface ForwardDeclaration<Payload>
  extends Pick<Topic, 'name' | 'leadMs' | 'landingsPerSecond' | 'staleAfterMs' | 'payloadVersion' | 'upcasts'> {
  /** Default: any JSON. The schema must not change the payload, because the same payload is posted again. */
  payload?: z.ZodType<Payload, Payload>;
  answerWithinMs?: number;
}

/** The data of the event `<topic>.due`: the message itself, with all fields that an answer has to name. */
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
 * Declares a topic without a handler. A due message is put on the stream as the event `<topic>.due` and then counts as
 * delivered. Its consumer answers with `recordAnswer`, over HTTP, in SQL or on the command line. Throws a
 * `MessageError`.
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
    // Posts through Postdate are refused earlier. A workflow that was started directly in Temporal fails here: the
    // stream's table could never store its payload, or no broker would take it.
    payload: payload.refine(
      isWithinLimits,
      'must be JSON of 16 KB and 32 deep at most, with no NUL and no lone surrogate in its texts',
    ),
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

const isWithinLimits = (payload: unknown): boolean => refusePayloadSize(payload) === undefined;
