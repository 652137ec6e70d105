import type { PoolClient } from 'pg';
import { appendEvent, appendEvents } from '../../events/outbox';
import { refuseDueAt } from '../../message/admission';
import type { Delivery, ScheduledMessage } from '../../message/contract';
import { epochMsOf } from '../../message/due-time';
import { occurrenceOf } from '../../message/occurrence';
import { lendTransaction, resetWithin } from '../../platform/database/lent-transaction';
import { markHandlerError, withErrorContext } from '../../platform/telemetry/error-context';
import { runForeign } from '../../platform/telemetry/foreign-code';
import { isInstance, readThrown } from '../../platform/telemetry/thrown';
import { refuseVersion, upcast } from '../../topics/payload-version';
import { type DueMessage, type HandlerAnswer, PermanentFailure, type Topic } from '../../topics/topic';
import { callHandler, HandlerTimeout, inHandlersTime } from './call-handler';
import { type Answer, LOCK_TIMEOUT_MS } from './claims';
import { GROUP_MS } from './group-size';

// What a handler has set counts neither for the next message nor for our own statements.
const AFTER_HANDLER = resetWithin({ lockTimeoutMs: LOCK_TIMEOUT_MS });
const SAVEPOINT = 'savepoint handler';

/**
 * What a handler made of one message. With an `error` nothing that the handler did is left, and the message is tried again.
 * `notReached`: the group's time was over before the message's turn.
 */
export type Handled = { answer: Answer } | { error: unknown } | NotReached;
export type NotReached = { notReached: true };

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
  const { landAll } = topic;
  if (!landAll) throw new Error('no landAll');
  const messages = deliveries.map((delivery) => dueMessage(topic, delivery));
  const given = [...messages];
  const lent = lendTransaction(tx);
  const emit: Parameters<typeof landAll>[0]['emit'] = (events) =>
    appendEvents(
      lent,
      events.map(({ message, type, data }) => ({ origin: message, type, data })),
    );
  const answers = await callHandler(topic, lent, () => landAll.call(topic, { query: lent.query, emit }, given));
  await inHandlersTime(topic, () => tx.query(AFTER_HANDLER));
  if (answers.length !== messages.length) {
    throw new Error(`landAll of ${topic.name} gave ${answers.length} answers to ${messages.length} messages`);
  }
  // Its answers may be in either order.
  if (messages.some((message, place) => given[place] !== message)) {
    throw new Error(`landAll of ${topic.name} changed the order of its messages`);
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
  let isReached = deliveries.length > 0;
  if (isReached) await tx.query(SAVEPOINT);
  for (const [place, delivery] of deliveries.entries()) {
    const toNext = () => {
      isReached = place + 1 < deliveries.length && performance.now() < endsAt;
      return isReached ? `; ${SAVEPOINT}` : '';
    };
    handled.set(delivery, isReached ? await handleOne(tx, topic, delivery, toNext) : { notReached: true });
  }
  return handled;
}

/**
 * Handles one delivery in the savepoint that is open. `toNext` gives the statement that opens the savepoint of the next delivery, if
 * there is one. That goes with the end of this one: a round trip less for each message.
 */
async function handleOne(tx: PoolClient, topic: Topic, delivery: Delivery, toNext: () => string): Promise<Handled> {
  const lent = lendTransaction(tx);
  const then = (statements: string) => inHandlersTime(topic, () => tx.query(statements), delivery);
  try {
    const message = dueMessage(topic, delivery);
    const origin = { ...delivery.message, occurrence: message.occurrence };
    const emit = (type: string, data: Record<string, unknown>) => appendEvent(lent, origin, type, data);
    const call = () => topic.handle({ query: lent.query, emit }, message);
    const answer = await callHandler(topic, lent, call, delivery);
    const answered = { answer: answerOf(answer, delivery.message) };
    await then(`release ${SAVEPOINT}; ${AFTER_HANDLER}${toNext()}`);
    return answered;
  } catch (error) {
    // A handler that hangs may still use the connection; only breaking the connection ends that.
    if (isInstance(error, HandlerTimeout)) throw error;
    await then(`rollback to ${SAVEPOINT}; release ${SAVEPOINT}${toNext()}`);
    // The claimed row stays: the failure is recorded in the ledger, with the other outcomes.
    const thrown = readThrown(error);
    if (isInstance(error, PermanentFailure)) return { answer: { outcome: 'failed', reason: thrown.message } };
    return { error: withErrorContext(markHandlerError(thrown), delivery.message) };
  }
}

/** The message that a handler is given for a delivery. Throws a `PermanentFailure` for a payload that does not fit the topic. */
export function dueMessage(topic: Topic, { message, late }: Delivery): DueMessage<unknown> {
  const unversioned = refuseVersion(message);
  if (unversioned) throw new PermanentFailure(`${unversioned.field}: ${unversioned.message}`);
  // A copy: an upcast or a handler may change what it is given, and the next attempt begins anew.
  const copy = copyOf(message);
  const upcasted = upcast(topic, copy);
  const payload = runForeign({ part: 'schema', topic: topic.name }, () => topic.payload.safeParse(upcasted));
  // The schema has changed since the message was posted, perhaps years ago. No retry changes the payload.
  if (!payload.success) throw new PermanentFailure(`payload: ${payload.error.message}`);
  return { ...copy, payload: payload.data, late, occurrence: occurrenceOf(message) };
}

// A message is JSON, from Temporal or from PostgreSQL.
const copyOf = (message: ScheduledMessage): ScheduledMessage => JSON.parse(JSON.stringify(message));

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
