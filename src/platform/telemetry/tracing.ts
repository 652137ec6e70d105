import { type Context, context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { MessageRef, ScheduledMessage } from '../../message/contract';
import type { Outcome } from '../../message/decision';
import { rfc3339 } from '../../message/due-time';
import { messageFields } from './error-context';

// Without startTracing (see tracing-export.ts) all of this does nothing, as OpenTelemetry's API promises.
const tracer = () => trace.getTracer('postdate');

const attributesOf = (message: MessageRef & { cycle?: number }) => {
  const { topic, tenant, key, cycle } = messageFields(message);
  return {
    'postdate.topic': topic,
    'postdate.tenant': tenant,
    'postdate.key': key,
    ...(cycle === undefined ? {} : { 'postdate.cycle': cycle }),
  };
};

/** The trace in which a message was posted. The message carries it until it lands. */
const contextOf = ({ traceparent }: Pick<ScheduledMessage, 'traceparent'>): Context =>
  propagation.extract(context.active(), { traceparent });

/** The active span as a traceparent, for a message to carry. Undefined without tracing. */
export function presentTrace(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/** Runs `work` in the trace that a request's headers name, if any. */
export const inTraceOf = <Result>(headers: object, work: () => Result): Result =>
  context.with(propagation.extract(context.active(), headers), work);

/** Runs `work` in a span of the caller's trace, or in the first span of a new trace. */
export const tracePosting = <Result>(ref: MessageRef, work: () => Promise<Result>): Promise<Result> =>
  inSpan(`schedule ${ref.topic}`, SpanKind.PRODUCER, ref, context.active(), work);

/**
 * Runs `work`, from the wake until the result is reported to Temporal, in a span of the trace in which the message was
 * posted.
 */
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
      // Not the exception itself: its message may quote the payload.
      span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error | undefined)?.name });
      throw error;
    } finally {
      span.end();
    }
  });
}

/**
 * Adds a span for the landing that has decided a message, in the message's trace. `messages`: how many landed with it.
 * Instants are epoch ms.
 */
export function traceLanding(
  message: ScheduledMessage,
  { outcome, startedAt, endedAt, messages }: { outcome: Outcome; startedAt: number; endedAt: number; messages: number },
): void {
  // Most installations trace nothing, and a group may have hundreds of messages.
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
