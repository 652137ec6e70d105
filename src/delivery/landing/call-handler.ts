import type { Delivery } from '../../message/contract';
import type { LentTransaction } from '../../platform/database/lent-transaction';
import { runForeign } from '../../platform/telemetry/foreign-code';
import type { Topic } from '../../topics/topic';
import { handlerTimeoutMsOf } from '../../topics/topic-limits';

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

/** Calls a handler of a topic, to which the transaction is lent until it returns. Throws what it throws, or a `HandlerTimeout`. */
export async function callHandler<Result>(
  topic: Topic,
  lent: LentTransaction,
  call: () => Promise<Result>,
  culprit?: Delivery,
): Promise<Result> {
  const { tenant, key, cycle } = culprit?.message ?? {};
  const code = { part: 'handler', topic: topic.name, tenant, key, cycle } as const;
  try {
    return await inHandlersTime(topic, () => runForeign(code, call), culprit);
  } finally {
    lent.takeBack();
  }
}

/**
 * Does work within the time of a topic's handler. Throws a `HandlerTimeout` after that. Statements of ours that follow a handler
 * are such work: each waits for what the handler has left running, or for a cursor that it has left open.
 */
export async function inHandlersTime<Result>(
  topic: Topic,
  work: () => Promise<Result>,
  culprit?: Delivery,
): Promise<Result> {
  // A promise of ours, whatever a handler returns.
  const working = Promise.resolve().then(work);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HandlerTimeout(topic, culprit)), handlerTimeoutMsOf(topic));
  });
  try {
    return await Promise.race([working, timeout]);
  } finally {
    clearTimeout(timer);
    // After the timeout its error is of no use, and the broken connection makes it fail.
    working.catch(() => undefined);
  }
}
