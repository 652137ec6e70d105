import type { PoolClient } from 'pg';
import { appendEvent, appendEvents } from '../../events/outbox';
import { refuseDueAt } from '../../message/admission';
import type { Delivery, ScheduledMessage } from '../../message/contract';
import { epochMsOf } from '../../message/due-time';
import { occurrenceOf } from '../../message/occurrence';
import { markHandlerError, withErrorContext } from '../../platform/telemetry/error-context';
import { runForeign } from '../../platform/telemetry/foreign-code';
import { isInstance, readThrown } from '../../platform/telemetry/thrown';
import { upcast } from '../../topics/payload-version';
import { type DueMessage, type HandlerAnswer, PermanentFailure, type Topic } from '../../topics/topic';
import { handlerTimeoutMsOf } from '../../topics/topic-limits';
import type { Answer } from './claims';
import { GROUP_MS } from './group-size';

/**
 * What a handler made of one message. With an `error` nothing that the handler did is left, and the message is tried again.
 * `notReached`: the group's time was over before the message's turn.
 */
export type Handled = { answer: Answer } | { error: unknown } | NotReached;
export type NotReached = { notReached: true };

/** A handler that hangs. Its transaction is broken off with it, as nothing in that can be trusted any more. */
export class HandlerTimeout extends Error {
  override readonly name = 'HandlerTimeout';
  constructor(
    topic: Topic,
    /** The delivery at which it hangs, if that is known. */
    readonly culprit?: Delivery,
  ) {
    super(`the handler of ${topic.name} did not return within ${handlerTimeoutMsOf(topic)} ms`);
  }
}

/**
 * Has a topic handle deliveries as one set. Throws what the handler throws, as a plain error: the group has failed as a
 * whole.
 */
export async function answersTogether(
  tx: PoolClient,
  topic: Topic,
  deliveries: Delivery[],
): Promise<Map<Delivery, Handled>> {
  try {
    return await handleSet(tx, topic, deliveries);
  } catch (error) {
    throw isInstance(error, HandlerTimeout) ? error : markHandlerError(readThrown(error));
  }
}

async function handleSet(tx: PoolClient, topic: Topic, deliveries: Delivery[]): Promise<Map<Delivery, Handled>> {
  const messages = deliveries.map((delivery) => dueMessage(topic, delivery));
  const query = tx.query.bind(tx) as PoolClient['query'];
  const emit: Parameters<NonNullable<Topic['landAll']>>[0]['emit'] = (events) =>
    appendEvents(
      tx,
      events.map(({ message, type, data }) => ({ origin: message, type, data })),
    );
  const landing = () => topic.landAll?.({ query, emit }, messages) ?? Promise.reject(new Error('no landAll'));
  const answers = await withTimeout(topic, landing);
  if (answers.length !== messages.length) {
    throw new Error(`landAll of ${topic.name} gave ${answers.length} answers to ${messages.length} messages`);
  }
  return new Map(
    deliveries.map((delivery, place) => [
      delivery,
      { answer: answerOf(answers[place] as HandlerAnswer, delivery.message) },
    ]),
  );
}

/**
 * Has a topic handle deliveries one after the other, each in a savepoint: a failure undoes only its own effects. Handles the
 * first one, and others until the group's time is over.
 */
export async function answersOneByOne(
  tx: PoolClient,
  topic: Topic,
  deliveries: Delivery[],
): Promise<Map<Delivery, Handled>> {
  const handled = new Map<Delivery, Handled>();
  const endsAt = performance.now() + GROUP_MS;
  for (const delivery of deliveries) {
    const isOver = handled.size > 0 && performance.now() >= endsAt;
    handled.set(delivery, isOver ? { notReached: true } : await handleOne(tx, topic, delivery));
  }
  return handled;
}

async function handleOne(tx: PoolClient, topic: Topic, delivery: Delivery): Promise<Handled> {
  await tx.query('savepoint handler');
  try {
    const message = dueMessage(topic, delivery);
    const query = tx.query.bind(tx) as PoolClient['query'];
    const emit = (type: string, data: Record<string, unknown>) => appendEvent(tx, message, type, data);
    const answer = await withTimeout(topic, () => topic.handle({ query, emit }, message), delivery);
    const answered = { answer: answerOf(answer, message) };
    await tx.query('release savepoint handler');
    return answered;
  } catch (error) {
    // A handler that hangs may still use the connection; only breaking the connection ends that.
    if (isInstance(error, HandlerTimeout)) throw error;
    await tx.query('rollback to savepoint handler; release savepoint handler');
    // The claimed row stays: the failure is recorded in the ledger, with the other outcomes.
    const thrown = readThrown(error);
    if (isInstance(error, PermanentFailure)) return { answer: { outcome: 'failed', reason: thrown.message } };
    return { error: withErrorContext(markHandlerError(thrown), delivery.message) };
  }
}

/** The message that a handler is given for a delivery. Throws a `PermanentFailure` for a payload that does not fit the topic. */
export function dueMessage(topic: Topic, { message, late }: Delivery): DueMessage<unknown> {
  const upcasted = upcast(topic, message);
  const payload = runForeign({ part: 'schema', topic: topic.name }, () => topic.payload.safeParse(upcasted));
  // The schema has changed since the message was posted, perhaps years ago. No retry changes the payload.
  if (!payload.success) throw new PermanentFailure(`payload: ${payload.error.message}`);
  return { ...message, payload: payload.data, late, occurrence: occurrenceOf(message) };
}

/**
 * What a handler's answer makes of the cycle. Throws a `PermanentFailure` for an invalid next due time, and an `Error` for what
 * is no answer: a handler in JavaScript may return anything.
 */
export function answerOf(answer: HandlerAnswer, { cycle }: ScheduledMessage): Answer {
  switch (answer.do) {
    case 'skip': {
      const { reason, last } = answer;
      if (reason !== undefined && typeof reason !== 'string') throw new Error('the reason of a skip must be a text');
      return { outcome: 'skipped', reason, last };
    }
    case 'done':
      return { outcome: 'delivered', last: answer.last };
    case 'again': {
      const dueAt = epochMsOf(answer.dueAt);
      const refusal = refuseDueAt({ dueAt }, Date.now());
      if (refusal) throw new PermanentFailure(`again: ${refusal.field} ${refusal.message}`);
      return { outcome: 'delivered', next: { cycle: cycle + 1, dueAt } };
    }
    default:
      answer satisfies never;
      throw new Error('the handler must answer done, skip or again');
  }
}

async function withTimeout<Result>(topic: Topic, call: () => Promise<Result>, culprit?: Delivery): Promise<Result> {
  // A promise of ours, whatever the handler returns.
  const { tenant, key, cycle } = culprit?.message ?? {};
  const code = { part: 'handler', topic: topic.name, tenant, key, cycle } as const;
  const work = Promise.resolve().then(() => runForeign(code, call));
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HandlerTimeout(topic, culprit)), handlerTimeoutMsOf(topic));
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
    // After the timeout its error is of no use, and the broken connection makes it fail.
    work.catch(() => undefined);
  }
}
