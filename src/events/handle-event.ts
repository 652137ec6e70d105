import type { PoolClient } from 'pg';
import { lendClient, resetWithin } from '../platform/database/lent-transaction';
import { markHandlerError, withErrorContext } from '../platform/telemetry/error-context';
import { runForeign } from '../platform/telemetry/foreign-code';
import { readThrown } from '../platform/telemetry/thrown';
import { originOf } from './outbox';
import type { StreamedEvent } from './stream';

/** A listener. */
export interface Listener {
  name: string;
  /** Makes its effect of an event in `tx`, the transaction that moves its position. */
  handle(tx: PoolClient, streamed: StreamedEvent): Promise<void>;
  /**
   * The same for up to a hundred events at once, in the stream's order. When it throws, nothing of it stays, and `handle` gets
   * the events one by one.
   */
  handleAll?(tx: PoolClient, streamed: StreamedEvent[]): Promise<void>;
  /**
   * What becomes of an event at which it throws. `stop`, the default: the event is tried again every second, and those after it
   * in its partition wait. `setAsideAfterTries`: the event and the later ones of its message are set aside, and all others go
   * on. It is tried again by itself, up to so many tries in all, and then waits for `postdate events resend`.
   */
  onFailure?: 'stop' | { setAsideAfterTries: number };
}

/** What a listener threw, as a plain error. */
export interface HandleFailure {
  error: Error;
}

/** Has a listener handle one event, in a savepoint. Rejects if that breaks the connection. */
export async function handleOne(
  tx: PoolClient,
  { name, handle }: Listener,
  { position, event }: StreamedEvent,
): Promise<HandleFailure | undefined> {
  const origin = originOf(event);
  // A copy, as the listener may change it.
  const given = { position, event: structuredClone(event) };
  const asPlain = (error: unknown) => withErrorContext(markHandlerError(readThrown(error)), origin, { position });
  const code = { part: 'consumer', name, ...origin } as const;
  return inSavepoint(tx, (client) => runForeign(code, () => handle(client, given)), asPlain);
}

/** Has a listener handle events as one set, in a savepoint. Rejects if that breaks the connection. */
export async function handleTogether(
  tx: PoolClient,
  { name, handleAll }: Listener,
  events: StreamedEvent[],
): Promise<HandleFailure | undefined> {
  const given = structuredClone(events);
  const handling = (client: PoolClient) => handleAll?.(client, given) ?? Promise.reject(new Error('no handleAll'));
  const asPlain = (error: unknown) => markHandlerError(readThrown(error));
  return inSavepoint(tx, (client) => runForeign({ part: 'consumer', name }, () => handling(client)), asPlain);
}

async function inSavepoint(
  tx: PoolClient,
  work: (client: PoolClient) => Promise<void>,
  asPlain: (error: unknown) => unknown,
): Promise<HandleFailure | undefined> {
  await tx.query('savepoint event');
  const { client, takeBack } = lendClient(tx);
  try {
    await whileConnected(tx, () => work(client)).finally(takeBack);
    // Fails if the listener has swallowed the error of a statement: the transaction has failed with that. What it has set
    // counts neither for the next event nor for our own statements.
    await tx.query(`release savepoint event; ${resetWithin()}`);
    return undefined;
  } catch (error) {
    const thrown = asPlain(error) as Error;
    // On a broken connection the whole batch fails, for the reason that broke it.
    await tx.query('rollback to savepoint event').catch(() => Promise.reject(thrown));
    await tx.query('release savepoint event');
    return { error: thrown };
  }
}

/**
 * Resolves to the result of `work`, or rejects when the connection breaks. PostgreSQL ends a transaction that is idle for
 * long: a listener that hangs would be waited for without end.
 */
function whileConnected<Result>(tx: PoolClient, work: () => Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    tx.once('error', reject);
    // A promise of ours, whatever the listener returns.
    void Promise.resolve()
      .then(work)
      .then(resolve, reject)
      .finally(() => tx.off('error', reject));
  });
}
