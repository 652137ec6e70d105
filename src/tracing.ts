import { type Context, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { named } from './concern';
import type { MessageRef, ScheduledMessage } from './contract';
import type { Outcome } from './decision';
import { rfc3339 } from './due-time';

// Where nothing was set up (see tracing-export.ts), all of this does nothing: the API's own promise.
const tracer = () => trace.getTracer('postdate');

const attributesOf = (message: MessageRef & { cycle?: number }) => {
  const { topic, tenant, key, cycle } = named(message);
  return {
    'postdate.topic': topic,
    'postdate.tenant': tenant,
    'postdate.key': key,
    ...(cycle === undefined ? {} : { 'postdate.cycle': cycle }),
  };
};

/** The trace in which a message was posted, which it carries through all the years. */
const contextOf = ({ traceparent }: Pick<ScheduledMessage, 'traceparent'>): Context =>
  propagation.extract(context.active(), { traceparent });

/** The span that is active now, for a message to carry; undefined where nobody traces. */
export function presentTrace(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Does `work` in the trace that a request's headers name, if they do. */
export const inTraceOf = <Result>(headers: object, work: () => Result): Result =>
  context.with(propagation.extract(context.active(), headers), work);

/** Does `work` in a span of the caller's trace, or in the first one of a new trace. */
export const tracePosting = <Result>(ref: MessageRef, work: () => Promise<Result>): Promise<Result> =>
  inSpan(`schedule ${ref.topic}`, SpanKind.PRODUCER, ref, context.active(), work);

/** Does `work`, from the wake until Temporal is told, in a span of the trace in which the message was posted. */
export const traceDelivery = <Result>(message: ScheduledMessage, work: () => Promise<Result>): Promise<Result> =>
  inSpan(`deliver ${message.topic}`, SpanKind.CONSUMER, message, contextOf(message), work);

function inSpan<Result>(
  name: string,
  kind: SpanKind,
  message: MessageRef & { cycle?: number },
  parent: Context,
  work: () => Promise<Result>,
): Promise<Result> {
  return tracer().startActiveSpan(name, { kind, attributes: attributesOf(message) }, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      // Not the exception itself: its words may quote the payload.
      span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error | undefined)?.name });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Tells of the landing that has decided a message, in its trace. `messages`: how many were landed with it. Epoch ms. */
export function traceLanding(
  message: ScheduledMessage,
  { outcome, startedAt, endedAt, messages }: { outcome: Outcome; startedAt: number; endedAt: number; messages: number },
): void {
  // Most installations trace nothing, and a group may be of hundreds.
  if (message.traceparent === undefined) return;
  const attributes = {
    ...attributesOf(message),
    'postdate.outcome': outcome,
    'postdate.due_at': rfc3339(message.dueAt),
    'postdate.group_messages': messages,
  };
  tracer()
    .startSpan(
      `land ${message.topic}`,
      { kind: SpanKind.CONSUMER, startTime: startedAt, attributes },
      contextOf(message),
    )
    .end(endedAt);
}
